// Connects a client and lets it carry out orders, one JSON document a line: what every client in JavaScript has in common.
//
// In: {"id", "method": "list" | "call", "name", "arguments"}. Out, first of all: {"connected": true} or {"connected": false,
// "error"}; then per line {"id", "result"} or {"id", "error": {"code", "message"}}. The end of the input closes the connection.

import { createInterface } from 'node:readline';

const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
// A client tells an HTTP status as the error's code, as its status, or as that of what caused it.
const numbers = (error) => [error.code, error.status, error.data?.status, error.cause?.code, error.cause?.status];
const failure = (error) => ({ code: numbers(error).find((one) => typeof one === 'number'), message: String(error.message) });

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

export async function carryOutOrders(client, transportWith, headerLines) {
  const headers = Object.fromEntries(headerLines.map((line) => line.split(/:(.*)/s).slice(0, 2)));
  try {
    await client.connect(transportWith(headers));
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
}
