// For a real `dstate run`, which is stopped, interrupted or left alone while the workload ticks: see ../runs.ts.
import { tickingRepro } from "../ticking.ts";

export default tickingRepro({
  during: async () => console.log("the workload has begun"),
  // A workload that does not end would do for most reports of a hang: no standstill of the host's may look like one.
  signature: ({ ended, killed }) => ended === "stall" || (killed !== undefined && killed !== "reaped"),
});
