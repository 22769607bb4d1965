import { createHash } from "node:crypto";
import { join } from "node:path";
import { command } from "../base/command.ts";
import type { Context } from "../base/context.ts";
import { InfraError, UsageError } from "../base/errors.ts";
import { sha256OfFile } from "../base/hash-file.ts";
import { timeouts } from "../base/timeouts.ts";
import { imageStore } from "./debian.ts";

/** A package of Debian's, as dpkg's status file has it. */
export interface DebianPackage {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
  /** The source that it was built from; left out where that has the same name and version. */
  readonly source?: { readonly name: string; readonly version: string } | undefined;
  readonly maintainer?: string | undefined;
  readonly homepage?: string | undefined;
}

/**
 * The installed packages of dpkg's status file. What was removed and left its settings behind is none. Pure.
 *
 * @see https://man7.org/linux/man-pages/man5/deb-control.5.html
 * @example debianPackages("Package: libc6\nStatus: install ok installed\nArchitecture: amd64\nSource: glibc\nVersion: 2.36-9\n")
 */
export function debianPackages(status: string): DebianPackage[] {
  return status.split(/\n{2,}/).flatMap((paragraph): DebianPackage[] => {
    const field = (name: string): string | undefined =>
      new RegExp(`^${name}: (.+)$`, "m").exec(paragraph)?.[1]?.trim();
    const [name, version, architecture] = [field("Package"), field("Version"), field("Architecture")];
    if (name === undefined || version === undefined || architecture === undefined) return [];
    if (!/ installed$/.test(field("Status") ?? "")) return [];
    // "glibc", or "glibc (2.36-9)" where the version is another one.
    const [, source, of] = /^(\S+)(?: \((.+)\))?$/.exec(field("Source") ?? "") ?? [];
    return [
      {
        name,
        version,
        architecture,
        ...(source === undefined ? {} : { source: { name: source, version: of ?? version } }),
        ...optional("maintainer", field("Maintainer")),
        ...optional("homepage", field("Homepage")),
      },
    ];
  });
}

function optional<Name extends string>(name: Name, value: string | undefined): { [key in Name]?: string } {
  return value === undefined ? {} : ({ [name]: value } as { [key in Name]: string });
}

/**
 * The bill of materials of a Debian system, as CycloneDX has it: the same for the same image. Pure.
 *
 * @see https://cyclonedx.org/docs/1.5/json/
 * @see https://github.com/package-url/purl-spec (the type deb)
 */
export function billOfMaterials(image: {
  readonly id: string;
  /** Debian's name for the release, such as `bookworm`. */
  readonly suite: string;
  /** Of the file system's file. */
  readonly sha256: string;
  readonly packages: readonly DebianPackage[];
}): object {
  const { id, suite, sha256, packages } = image;
  const components = packages
    .map((each) => {
      const purl = `pkg:deb/debian/${encodeURIComponent(each.name)}@${encodeURIComponent(each.version)}?arch=${each.architecture}&distro=${suite}`;
      const { source = { name: each.name, version: each.version } } = each;
      return {
        type: "library",
        "bom-ref": purl,
        ...(each.maintainer === undefined ? {} : { publisher: each.maintainer }),
        name: each.name,
        version: each.version,
        purl,
        ...(each.homepage === undefined
          ? {}
          : { externalReferences: [{ type: "website", url: each.homepage }] }),
        properties: [{ name: "dstate:source", value: `${source.name} ${source.version}` }],
      };
    })
    .sort((a, b) => (a.purl < b.purl ? -1 : 1));
  return {
    bomFormat: "CycloneDX",
    specVersion: "1.5",
    serialNumber: `urn:uuid:${uuidOf(`${id} ${sha256}`)}`,
    version: 1,
    metadata: {
      component: {
        type: "operating-system",
        "bom-ref": id,
        name: `Debian ${suite}`,
        version: id,
        hashes: [{ alg: "SHA-256", content: sha256 }],
      },
    },
    components,
    // What stands on what among the packages is dpkg's affair.
    dependencies: [{ ref: id, dependsOn: components.map((each) => each["bom-ref"]) }],
  };
}

/** A UUID of the kind that is made from a name. @see https://www.rfc-editor.org/rfc/rfc9562#name-uuid-version-8 */
function uuidOf(name: string): string {
  const hex = createHash("sha256").update(name).digest("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/**
 * The bill of materials of a Debian image of the cache, by what its own dpkg says.
 *
 * @param id of the image, or the start of it.
 * @throws {UsageError} when the cache has no such image, or several.
 * @throws {InfraError} when the image cannot be read.
 */
export async function billOfImage(id: string, context: Context): Promise<object> {
  const store = imageStore(context);
  const keys = (await store.keys()).filter((key) => key.startsWith(id));
  const [key, ...more] = keys;
  if (key === undefined || more.length > 0)
    throw new UsageError(
      key === undefined ? `the cache has no image "${id}"` : `"${id}" begins ${keys.length} images`,
      {
        next:
          key === undefined
            ? "`dstate images` lists those that it has, `dstate images build` makes one."
            : `They are ${keys.join(", ")}.`,
      },
    );
  const entry = await store.find(key);
  if (!entry) throw new UsageError(`the image ${key} has just been removed`);
  const path = join(entry.dir, "root.ext4");
  const { stdout } = await command(["debugfs", "-R", "cat /var/lib/dpkg/status", path], {
    within: timeouts.host.ask,
    signal: context.signal,
    install: "Install e2fsprogs: `dstate setup`.",
  });
  const packages = debianPackages(stdout);
  if (packages.length === 0)
    throw new InfraError(`${path} has no package in its /var/lib/dpkg/status`, {
      next: "Is it an image of Debian's?",
      evidence: path,
    });
  const suite = /^debian-([a-z]+)-/.exec(key)?.[1] ?? "unknown";
  return billOfMaterials({ id: key, suite, sha256: await sha256OfFile(path), packages });
}
