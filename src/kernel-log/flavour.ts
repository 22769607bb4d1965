/** Warnings of the kernel's own books: whoever keeps them prints the warning, and its caller is to blame. */
const flavours: readonly (readonly [
  name: string,
  by: { function?: RegExp; message?: RegExp; where?: RegExp },
])[] = [
  ["refcount bug", { function: /^refcount_/, message: /^refcount_t/, where: /^lib\/refcount\.c/ }],
  ["ODEBUG bug", { function: /^debug_print_object/, message: /^ODEBUG:/, where: /^lib\/debugobjects\.c/ }],
  ["kobject bug", { function: /^kobject_(?:add|get|put|init)/, message: /^kobject/ }],
  [
    "proc registration bug",
    { function: /^(?:proc_register|__proc_create|remove_proc)/, message: /^proc_dir_entry/ },
  ],
  ["kmalloc bug", { function: /^(?:kmalloc_slab|kvmalloc_node|__kvmalloc_node\w*|kmalloc_large\w*)/ }],
  ["zero-size vmalloc", { function: /^__vmalloc_node_range/ }],
  [
    "locking bug",
    { where: /(?:^|\/)kernel\/locking\/|^kernel\/lockdep\.c/, message: /^DEBUG_LOCKS_WARN_ON/ },
  ],
  ["bad usercopy", { function: /^usercopy_/, message: /^Bad or missing usercopy/ }],
];

/**
 * What a warning is about, by the function, the text or the file that it names.
 *
 * @example warningFlavour("refcount_warn_saturate", {}) // "refcount bug"
 */
export function warningFlavour(
  head: string | undefined,
  detail: Readonly<Record<string, string>>,
): string | undefined {
  const { message, where } = detail;
  return flavours.find(
    ([, by]) =>
      (head !== undefined && by.function?.test(head)) ||
      (message !== undefined && by.message?.test(message)) ||
      (where !== undefined && by.where?.test(where)),
  )?.[0];
}
