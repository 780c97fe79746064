// The TypeScript client of the second generation as an assistant that is told line by line what to do. See sdk_client.mjs.
//
// usage: node sdk_client_2.mjs sse|http URL legacy|auto|REVISION [HEADER:VALUE]...

import { Client, SSEClientTransport, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { carryOutOrders } from './orders.mjs';

const [kind, url, mode, ...headerLines] = process.argv.slice(2);
const Transport = { sse: SSEClientTransport, http: StreamableHTTPClientTransport }[kind];
const negotiated = ['legacy', 'auto'].includes(mode) ? mode : { pin: mode };
const client = new Client({ name: 'sdk-client-2', version: '1.0.0' }, { versionNegotiation: { mode: negotiated } });
await carryOutOrders(client, (headers) => new Transport(new URL(url), { requestInit: { headers } }), headerLines);
