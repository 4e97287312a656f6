// Sends one call of each kind, then a batch, with the other official client, and prints what it sent and each error.
import { PipelinesClient } from "customerio-node";

const [host, writeKey, strict] = process.argv.slice(2);
const client = new PipelinesClient(writeKey, { url: `${host}/v1`, strictMode: strict === "strict" });
const calls = [
  { type: "identify", userId: "ada", traits: { email: "ada@example.test", name: "Ada ÅÄÖ \u2028" } },
  { type: "track", userId: "ada", event: "Order Completed", properties: { total: 29.5, items: [1, null, "x"] } },
  { type: "page", anonymousId: "visitor", name: "Pricing" },
  { type: "screen", userId: "ada", name: "Start" },
  { type: "group", userId: "ada", groupId: "acme", traits: { seats: 3 } },
  { type: "alias", userId: "ada", previousId: "visitor" },
].map((call, place) => ({ ...call, messageId: `m${place}` }));
const say = (found) => console.log(JSON.stringify(found));
const tell = (promise) => promise.catch((error) => say({ error: `${error.statusCode} ${error.message}` }));

for (const { type, ...call } of calls) await tell(client[type](call));
const again = calls.map((call) => ({ ...call, messageId: `b${call.messageId}` }));
await tell(client.batch(again));
await tell(client.track({ userId: "ada", event: "Seen", timestamp: "nonsense" }));
say({ body: JSON.stringify({ batch: [...calls, ...again] }) });
