import { type Command, Option } from "commander";
import { formatBytes } from "../base/size.ts";
import { imageStore, provideDebianImage } from "../image/debian.ts";
import { provideNixosImage } from "../image/nixos.ts";
import { renderTable } from "../report/table.ts";
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
    .description("build an image, if it is not there")
    .addOption(
      new Option("--image <kind>", "which guest system").choices(["debian", "nixos"]).default("debian"),
    )
    .option("--json", "one JSON document on standard output")
    .action(async (options: { image: "debian" | "nixos"; json?: boolean }) => {
      const context = await session.context();
      const image = await (options.image === "nixos" ? provideNixosImage : provideDebianImage)(context);
      session.print(options.json ? toJson(image) : `${image.path}\n${image.provenance}`);
    });
}
