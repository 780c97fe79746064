// A peer of the write case: Emmett's CommandHandler with its event store on PostgreSQL or on SQLite.
//
// `write.mjs postgres URL` or `write.mjs sqlite FILE` answers each line of JSON, `{"callers": 64, "seconds": 3.0}`, with what so many
// callers measured in that time.

import { randomUUID } from "node:crypto";
import { createInterface } from "node:readline";

import { CommandHandler } from "@event-driven-io/emmett";

const CONTACTS = 10_000;
// The driver's own default; with 20 and with 50 the store was not faster.
const CONNECTIONS = 10;

// On SQLite calls at the same time fail as busy when each opens a connection, as the store does by default, and would share a transaction
// on one connection. A careful application keeps one connection and lets the calls wait for one another.
let last = Promise.resolve();
const oneByOne = (call) => (last = last.then(call, call));
const atOnce = (call) => call();

// A store of its own database, and how calls go to it.
const stores = {
    async postgres(url) {
        const { getPostgreSQLEventStore } = await import("@event-driven-io/emmett-postgresql");
        const { default: pg } = await import("pg");
        // Without its options: this driver does not take sslmode=prefer for what it is.
        const [connectionString] = url.split("?");
        const pool = new pg.Pool({ connectionString, max: CONNECTIONS });
        return { store: getPostgreSQLEventStore(connectionString, { connectionOptions: { pool } }), through: atOnce };
    },
    async sqlite(fileName) {
        const { getSQLiteEventStore, sqliteConnection } = await import("@event-driven-io/emmett-sqlite");
        const connectionOptions = { singleton: true, connection: sqliteConnection({ fileName }) };
        return { store: getSQLiteEventStore({ fileName, connectionOptions }), through: oneByOne };
    },
};

const addTags = (tags) => (contact) => {
    if (tags.some((tag) => contact.tags.has(tag))) throw new Error("the contact has the tag already");
    const call = randomUUID();
    const metadata = {
        actor: { kind: "local", id: "local" },
        operation: "add_contact_tags",
        requestId: call,
        correlationId: call,
    };
    return { type: "ContactTagsAdded", data: { tags }, metadata };
};

const handle = CommandHandler({
    initialState: () => ({ tags: new Set() }),
    evolve: (contact, event) => ({ tags: new Set([...contact.tags, ...event.data.tags]) }),
    mapToStreamId: (id) => `contact-${id}`,
});

const ids = Array.from({ length: CONTACTS }, () => randomUUID());
let next = 0;

async function measure({ store, through }, callers, seconds) {
    const times = [];
    const began = performance.now();
    const call = async () => {
        while (performance.now() - began < seconds * 1_000) {
            const sent = performance.now();
            const number = next++;
            const tag = `tag_${String(Math.floor(number / CONTACTS)).padStart(26, "0")}`;
            await through(() => handle(store, ids[number % CONTACTS], addTags([tag])));
            times.push(performance.now() - sent);
        }
    };
    // All of them: none may go on into the next turn.
    const ended = await Promise.allSettled(Array.from({ length: callers }, call));
    const failed = ended.find(({ status }) => status === "rejected");
    if (failed) throw failed.reason;
    const took = (performance.now() - began) / 1_000;
    times.sort((one, other) => one - other);
    const at = (share) => times[Math.floor((times.length - 1) * share)];
    return { per_second: times.length / took, p50_ms: at(0.5), p99_ms: at(0.99) };
}

const [kind, place] = process.argv.slice(2);
const opened = await stores[kind](place);
await opened.store.schema.migrate();
for await (const line of createInterface({ input: process.stdin })) {
    const { callers, seconds } = JSON.parse(line);
    const answer = await measure(opened, callers, seconds).catch((error) => ({ error: String(error) }));
    process.stdout.write(`${JSON.stringify(answer)}\n`);
}
process.exit(0);
