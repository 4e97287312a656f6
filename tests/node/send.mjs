// Sends one call of each kind with the official client, and prints each body that it sent and each error.
import { Analytics } from "@customerio/cdp-analytics-node";

const [host, writeKey] = process.argv.slice(2);
const analytics = new Analytics({ writeKey, host, maxRetries: 1 });
analytics.on("http_request", (request) => console.log(JSON.stringify({ body: request.body })));
analytics.on("error", (error) => console.log(JSON.stringify({ error: String(error.reason ?? error.code) })));

analytics.identify({ userId: "ada", traits: { email: "ada@example.test", name: "Ada ÅÄÖ \u2028" } });
analytics.track({ userId: "ada", event: "Order Completed", properties: { total: 29.5, items: [1, null, "x"] } });
analytics.page({ anonymousId: "visitor", name: "Pricing" });
analytics.screen({ userId: "ada", name: "Start" });
analytics.group({ userId: "ada", groupId: "acme", traits: { seats: 3 } });
analytics.alias({ userId: "ada", previousId: "visitor" });
await analytics.closeAndFlush({ timeout: 10_000 });
