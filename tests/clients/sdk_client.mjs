// The TypeScript SDK as an assistant that is told line by line what to do, so that the stories are told once for every client.
//
// usage: node sdk_client.mjs sse|http URL [HEADER:VALUE]...
// In: {"id", "method": "list" | "call", "name", "arguments"}. Out, first of all: {"connected": true} or {"connected": false,
// "error"}; then per line {"id", "result"} or {"id", "error": {"code", "message"}}. The end of the input closes the connection.

import { createInterface } from 'node:readline';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';

const [kind, url, ...headerLines] = process.argv.slice(2);
const headers = Object.fromEntries(headerLines.map((line) => line.split(/:(.*)/s).slice(0, 2)));
const Transport = { sse: SSEClientTransport, http: StreamableHTTPClientTransport }[kind];
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
const failure = (error) => ({ code: typeof error.code === 'number' ? error.code : undefined, message: String(error.message) });

async function listTools(client) {
  const tools = [];
  let cursor;
  do {
    const page = await client.listTools(cursor === undefined ? {} : { cursor });
    tools.push(...page.tools);
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  return tools;
}

function carryOut(client, order) {
  switch (order.method) {
    case 'list':
      return listTools(client);
    case 'call':
      return client.callTool({ name: order.name, arguments: order.arguments });
    default:
      throw new Error(`unknown method ${order.method}`);
  }
}

const client = new Client({ name: 'sdk-client', version: '1.0.0' });
try {
  await client.connect(new Transport(new URL(url), { requestInit: { headers } }));
} catch (error) {
  say({ connected: false, error: failure(error) });
  process.exit(0);
}
say({ connected: true });

const running = new Set();
for await (const line of createInterface({ input: process.stdin })) {
  const order = JSON.parse(line);
  const work = (async () => {
    try {
      say({ id: order.id, result: await carryOut(client, order) });
    } catch (error) {
      say({ id: order.id, error: failure(error) });
    }
  })();
  running.add(work);
  void work.finally(() => running.delete(work));
}
await Promise.all(running);
await client.close();
process.exit(0);
