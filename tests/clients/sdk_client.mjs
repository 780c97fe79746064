// The TypeScript SDK as an assistant that is told line by line what to do (orders.mjs), so that the stories are told once for every client.
//
// usage: node sdk_client.mjs sse|http URL [HEADER:VALUE]...

import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { carryOutOrders } from './orders.mjs';

const [kind, url, ...headerLines] = process.argv.slice(2);
const Transport = { sse: SSEClientTransport, http: StreamableHTTPClientTransport }[kind];
const client = new Client({ name: 'sdk-client', version: '1.0.0' });
await carryOutOrders(client, (headers) => new Transport(new URL(url), { requestInit: { headers } }), headerLines);
