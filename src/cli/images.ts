import type { Command } from "commander";
import { formatBytes } from "../base/size.ts";
import { imageStore, provideDebianImage } from "../image/debian.ts";
import { renderTable } from "../render/table.ts";
import { toJson } from "../repro/evidence.ts";
import type { Session } from "./session.ts";

/** `dstate images`: root file systems. */
export function addImages(program: Command, session: Session): void {
  const images = program.command("images").description("list or build the images that guests start from");
  images
    .command("list", { isDefault: true })
    .description("the images in the cache")
    .option("--json", "one JSON document on standard output")
    .action(async (options: { json?: boolean }) => {
      const context = await session.context({ quiet: true });
      const entries = await imageStore(context).list();
      if (options.json) return session.print(toJson(entries));
      session.print(
        renderTable(
          ["image", "made", "size"],
          entries.map((entry) => [entry.key, entry.createdAt, formatBytes(entry.bytes)]),
          { width: session.width },
        ),
      );
    });
  images
    .command("build")
    .description("build the Debian image, if it is not there")
    .option("--json", "one JSON document on standard output")
    .action(async (options: { json?: boolean }) => {
      const image = await provideDebianImage(await session.context());
      session.print(options.json ? toJson(image) : `${image.path}\n${image.provenance}`);
    });
}
