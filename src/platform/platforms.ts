import type { Platform } from "./platform.ts";
import { x86_64 } from "./x86-64.ts";

/** The architectures that guests can have. */
export type PlatformName = "x86-64";

/** One row an architecture: the compiler asks for the row of every name, and for every word of a row. */
export const platforms: Readonly<Record<PlatformName, Platform>> = { "x86-64": x86_64 };

/** What guests are today. */
export const guestPlatform: Platform = platforms["x86-64"];
