/**
 * What every program of the host is started with: this process' environment in the C locale, for its words are
 * read. LC_ALL alone does not do: the kernel's Makefile takes it out of the environment and falls back to LANG.
 * mke2fs and others are in sbin, which a user's PATH may lack, though nothing in it needs root.
 *
 * @param changes laid over it; undefined takes a variable out.
 * @see https://www.gnu.org/software/gettext/manual/html_node/Locale-Environment-Variables.html
 */
export function hostEnvironment(
  changes: Readonly<Record<string, string | undefined>> = {},
): NodeJS.ProcessEnv {
  const env = { ...process.env, ...changes };
  return {
    ...env,
    LC_ALL: "C.UTF-8",
    LC_MESSAGES: "C.UTF-8",
    LANG: "C.UTF-8",
    LANGUAGE: "",
    PATH: `${env.PATH ?? "/usr/bin:/bin"}:/usr/sbin:/sbin`,
  };
}

/**
 * What a program is started with that a guest may take over: where programs are, the C locale, and nothing of this
 * process' own environment, which may hold what nobody else is to know.
 *
 * @example bareEnvironment({ path: settings.path }, { TMPDIR: dir })
 */
export function bareEnvironment(
  { path }: { readonly path: string },
  more: Readonly<Record<string, string>> = {},
): NodeJS.ProcessEnv {
  return { PATH: `${path}:/usr/sbin:/sbin`, LC_ALL: "C.UTF-8", ...more };
}
