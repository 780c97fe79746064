// The TypeScript SDK with one tool that echoes, put together as its own example of a server without sessions is: a server and a
// transport for each request, behind the SDK's Express application. Plain JSON answers, the lightest that it has.
//
// It listens on the port that it is given and runs until it is ended.

import { createMcpExpressApp } from '@modelcontextprotocol/sdk/server/express.js';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import * as z from 'zod';

function newServer() {
    const server = new McpServer({ name: 'echo', version: '1.0.0' });
    const tool = { description: 'Says the text back.', inputSchema: { text: z.string() } };
    server.registerTool('echo', tool, async ({ text }) => ({ content: [{ type: 'text', text }] }));
    return server;
}

const app = createMcpExpressApp();
app.post('/mcp', async (request, response) => {
    const server = newServer();
    const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: undefined, enableJsonResponse: true });
    response.on('close', () => {
        transport.close();
        server.close();
    });
    await server.connect(transport);
    await transport.handleRequest(request, response, request.body);
});
app.listen(Number(process.argv[2]), '127.0.0.1');
