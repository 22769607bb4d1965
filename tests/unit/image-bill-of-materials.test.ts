import { expect, test } from "vitest";
import { billOfMaterials, debianPackages } from "../../src/image/bill-of-materials.ts";

const status = `Package: libc6
Status: install ok installed
Priority: optional
Maintainer: GNU Libc Maintainers <debian-glibc@lists.debian.org>
Architecture: amd64
Source: glibc
Version: 2.36-9+deb12u9
Depends: libgcc-s1, libcrypt1
Description: GNU C Library: Shared libraries
 Source: of no package
Homepage: https://www.gnu.org/software/libc/libc.html

Package: libgcc-s1
Status: install ok installed
Architecture: amd64
Source: gcc-12 (12.2.0-14)
Version: 1:12.2.0-14+b1

Package: gone
Status: deinstall ok config-files
Architecture: all
Version: 1
`;

test("dpkg's status file gives each installed package, with the source that it was built from", () => {
  expect(debianPackages(status)).toEqual([
    {
      name: "libc6",
      version: "2.36-9+deb12u9",
      architecture: "amd64",
      source: { name: "glibc", version: "2.36-9+deb12u9" },
      maintainer: "GNU Libc Maintainers <debian-glibc@lists.debian.org>",
      homepage: "https://www.gnu.org/software/libc/libc.html",
    },
    {
      name: "libgcc-s1",
      version: "1:12.2.0-14+b1",
      architecture: "amd64",
      source: { name: "gcc-12", version: "12.2.0-14" },
    },
  ]);
});

test("a bill of materials is the same for the same image, and names each package for scanners", () => {
  const image = {
    id: "debian-bookworm-1",
    suite: "bookworm",
    sha256: "00",
    packages: debianPackages(status),
  };
  const bill = billOfMaterials(image);
  expect(billOfMaterials({ ...image, packages: image.packages.toReversed() })).toEqual(bill);
  expect(billOfMaterials({ ...image, sha256: "01" })).not.toEqual(bill);
  const refs = [
    "pkg:deb/debian/libc6@2.36-9%2Bdeb12u9?arch=amd64&distro=bookworm",
    "pkg:deb/debian/libgcc-s1@1%3A12.2.0-14%2Bb1?arch=amd64&distro=bookworm",
  ];
  expect(bill).toMatchObject({
    bomFormat: "CycloneDX",
    specVersion: "1.5",
    serialNumber: expect.stringMatching(
      /^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}$/,
    ),
    version: 1,
    metadata: { component: { type: "operating-system", "bom-ref": "debian-bookworm-1" } },
    components: refs.map((purl) => ({ type: "library", "bom-ref": purl, purl })),
    dependencies: [{ ref: "debian-bookworm-1", dependsOn: refs }],
  });
});
