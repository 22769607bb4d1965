import type { ImageKind } from "../base/settings.ts";
import { debian } from "./debian.ts";
import { nixos } from "./nixos.ts";
import type { GuestSystem } from "./system.ts";

/** The systems that guests can have: the compiler asks for the row of every word of `imageKinds`. */
export const guestSystems: Readonly<Record<ImageKind, GuestSystem>> = { debian, nixos };
