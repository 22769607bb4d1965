/**
 * Configuration that adds DWARF to a kernel and changes nothing else: the compiler makes the same code with and
 * without it, so a kernel and its twin with debug information have the same functions of the same sizes.
 *
 * @see https://docs.kernel.org/admin-guide/bug-hunting.html
 */
export const debugInfoFragment = `CONFIG_DEBUG_INFO=y
# optional: since Linux 5.18 the format is a choice, and it turns the option above on
CONFIG_DEBUG_INFO_DWARF_TOOLCHAIN_DEFAULT=y
`;
