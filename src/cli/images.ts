import { type Command, Option } from "commander";
import { type ImageKind, imageKinds } from "../base/settings.ts";
import { formatBytes } from "../base/size.ts";
import { imageStore } from "../image/debian.ts";
import { guestSystems } from "../image/systems.ts";
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
      new Option("--image <kind>", "which guest system").choices([...imageKinds]).default(imageKinds[0]),
    )
    .option("--json", "one JSON document on standard output")
    .action(async (options: { image: ImageKind; json?: boolean }) => {
      const context = await session.context();
      const image = await guestSystems[options.image].provide({}, context);
      session.print(options.json ? toJson(image) : `${image.path}\n${image.provenance}`);
    });
}
