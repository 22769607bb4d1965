import { type Command, Option } from "commander";
import { type ImageKind, imageKinds } from "../base/settings.ts";
import { billOfImage } from "../image/bill-of-materials.ts";
import { imageStore } from "../image/debian.ts";
import { guestSystems } from "../image/systems.ts";
import { renderImages } from "../report/images.ts";
import { withNotes } from "./help.ts";
import type { Session } from "./session.ts";

/** `dstate images`: root file systems. */
export function addImages(program: Command, session: Session): void {
  const images = program.command("images").description("list or build the images that guests start from");
  withNotes(
    images
      .command("list", { isDefault: true })
      .description("the images in the cache")
      .option("--json", "one JSON document on standard output"),
    { examples: ["dstate images"] },
  ).action(async (options: { json?: boolean }) => {
    const context = await session.context({ quiet: true });
    const entries = await imageStore(context).list();
    const images = entries.map(({ key, dir, createdAt, bytes }) => ({ id: key, dir, createdAt, bytes }));
    const text = (): string => renderImages(images, { width: session.width });
    session.result("images list", { images }, { json: options.json, text });
  });
  withNotes(
    images
      .command("build")
      .description("build an image, if it is not there")
      .addOption(
        new Option("--image <kind>", "which guest system").choices([...imageKinds]).default(imageKinds[0]),
      )
      .option("--json", "one JSON document on standard output"),
    { examples: ["dstate images build --image nixos"] },
  ).action(async (options: { image: ImageKind; json?: boolean }) => {
    const context = await session.context();
    const image = await guestSystems[options.image].provide({}, context);
    const text = (): string => `${image.path}\n${image.provenance}`;
    session.result("images build", image, { json: options.json, text });
  });
  withNotes(
    images
      .command("sbom [image]")
      .description("the bill of materials of a Debian image of the cache, in JSON (CycloneDX 1.5)"),
    {
      about: [
        "It is what dpkg has in the image itself. IMAGE is the start of a name that `dstate images` shows; without it, " +
          "the image that guests start from, which is made if it is not there.",
      ],
      examples: ["dstate images sbom > image.cdx.json"],
    },
  ).action(async (id: string | undefined) => {
    const context = await session.context();
    const bill = await billOfImage(id ?? (await guestSystems.debian.provide({}, context)).id, context);
    session.print(JSON.stringify(bill, null, 1));
  });
}
