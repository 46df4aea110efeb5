/** A process of its own that trains and measures one part: what `trainInProcess` starts. */
import type { PartMessage, PartRequest } from "./part-messages.ts";
import { trainPart } from "./train-part.ts";

const controller = new AbortController();
const say = (message: PartMessage) => void process.send!(message);

// A terminal sends its Ctrl-C to every process of a command. The one that started this one hears it too, and says when to stop.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => {});
process.on("disconnect", () => process.exit(1));
process.on("message", async (request: PartRequest) => {
  if (request.kind === "stop") return controller.abort();
  const hooks = {
    onEvent: (event: Extract<PartMessage, { kind: "event" }>["event"]) => say({ kind: "event", event }),
    signal: controller.signal,
  };
  const end = await trainPart(request.part, hooks).then(
    (): PartMessage => ({ kind: "end" }),
    (error): PartMessage => ({ kind: "error", message: error instanceof Error ? error.message : String(error) }),
  );
  process.send!(end, () => process.exit(0));
});
