/** A package as a distribution's index describes it. */
export interface IndexedPackage {
  readonly name: string;
  /** With its release: `6.12.43-1.fc42`. */
  readonly version: string;
  readonly url: string;
  /** What vouches for its bytes. */
  readonly check: /** A signed index has its sha256. */
    | { readonly type: "sha256"; readonly sha256: string }
    /** A signed index has the sha1 of its second part, which has the sha256 of its third. */
    | { readonly type: "apk"; readonly control: string }
    /** A signature lies beside it. */
    | { readonly type: "signature"; readonly url: string };
}

/** Where an index is and what it is checked with. */
export interface IndexPlace {
  /** The folder that everything else is below. */
  readonly root: string;
  /** A file of keys; for apk the folder of them. */
  readonly keyring: string;
  /** A folder for what is fetched. */
  readonly dir: string;
  readonly signal: AbortSignal;
  /** Whether a package of that name is asked for. */
  readonly wants: (name: string) => boolean;
}
