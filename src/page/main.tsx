import { render } from "preact";
import { App } from "./app.tsx";
import { readIndex } from "./blocks.ts";
import "./style.css";

const root = document.getElementById("app");
if (root) {
  const data = await readIndex();
  document.title = `${data.run.about} · dstate`;
  render(<App data={data} />, root);
  // Tests and people with a stop watch ask for this.
  performance.mark("dstate-ready");
}
