import { defineRepro } from "../../../src/index.ts";
import { addons, compileAddons } from "./prepare.ts";
import { observe } from "./trial.ts";

const tunable = (bytes: number) => ({ GLIBC_TUNABLES: `glibc.rtld.optional_static_tls=${bytes}` });

export default defineRepro({
  id: "static-tls-exhaustion",
  title: "an addon does not load: cannot allocate memory in static TLS block",
  upstream: ["https://fasterthanli.me/articles/a-dynamic-linker-murder-mystery"],
  axes: {
    kernel: ["6.1.129", "deb:5.10", "deb:7.2"],
    node: ["20.9.0", "24.21.0"],
    env: [{}, tunable(8192), tunable(32768)],
    own: { addon: ["ie-4248", "ie-1024", "gd-4248"], preload: ["none", "addon"] },
  },
  cells: {
    bad: [{ axes: { addon: "ie-4248" } }],
    control: [
      { axes: { addon: "ie-1024" } },
      { axes: { addon: "gd-4248" } },
      { env: tunable(8192) },
      { env: tunable(32768) },
      { axes: { preload: "addon" } },
    ],
  },
  workload: new URL("./workload/", import.meta.url),
  // An addon of Node-API works with every Node, but is compiled with the headers of its own.
  prepare: { key: ({ node }) => ({ recipe: 2, node, addons }), make: compileAddons },
  deadline: "5m",
  trial: observe,
  signature: ({ loaded, cause }) => !loaded && cause.kind === "static-tls",
  healthy: ({ loaded, exitCode }) => loaded && exitCode === 0,
  summary: ({ loaded, cause, threadTrouble }) =>
    loaded
      ? `the addon loads${threadTrouble.length > 0 ? `, but ${threadTrouble[0]}` : ""}`
      : cause.evidence.join(". "),
  columns: ({ loaded, smallest, threadTrouble, objects }) => ({
    loads: loaded ? "yes" : "no",
    "smallest that fails":
      smallest === undefined
        ? "?"
        : smallest.fails === null
          ? `none up to ${smallest.most}`
          : `${smallest.fails} bytes`,
    threads: threadTrouble.join("\n") || "made",
    "PT_TLS by object": objects.map(({ object, bytes, model }) => `${object} ${bytes} ${model}`).join("\n"),
  }),
});
