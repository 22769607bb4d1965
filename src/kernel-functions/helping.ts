import type { NamesOf } from "./names.ts";

/** Helpers that fail because of what their caller gave them. */
export const helping: readonly NamesOf[] = [
  [
    "lib/string.c",
    "memcpy* memset* memmove* memcmp* memchr* memscan* memzero* str*cpy str*len str*cmp str*chr str*cat str*str str*dup str*spn str*sep str*scpy strscpy* sized_str*",
  ],
  ["lib/kstrtox.c", "kstr*"],
  [
    "lib/vsprintf.c",
    "vsnprintf* snprintf* sprintf* vsprintf* scnprintf* vscnprintf* format_decode* string* number* hex_* pointer va_format",
  ],
  ["mm/util.c", "kmem_* kmemdup_* memdup* kvmalloc* kvfree*"],
  [
    "mm/slub.c",
    "kmalloc* kzalloc* kcalloc* kfree* kzfree* krealloc* do_kmalloc* slab_* cache_alloc* cache_grow* cache_free*",
  ],
  ["mm/vmalloc.c", "vmalloc* vzalloc* vfree*"],
  ["drivers/base/devres.c", "devm_k*"],
  [
    "include/linux/uaccess.h",
    "copy_from* copy_to* copy_user* copyin* copyout* copy_page copy_page_* read_word_at_a_time*",
  ],
  ["arch/x86/lib/clear_page_64.S", "clear_page* clear_huge*"],
  ["include/linux/instrumented.h", "instrument_*"],
  ["lib/refcount.c", "refcount_* kref_*"],
  ["lib/kobject.c", "kobject_get* kobject_put* kobject_init* kobject_add* kobject_set* kset_* kobj_*"],
  [
    "include/linux/atomic/atomic-instrumented.h",
    "atomic_* atomic64_* arch_atomic* raw_atomic* raw_copy* raw_cpu_* raw_irqentry* raw_local_* raw_notifier*",
  ],
  [
    "include/asm-generic/bitops/instrumented-atomic.h",
    "test_bit* set_bit* clear_bit* arch_test_* arch_set_* arch_clear_* constant_test_bit* variable_test_bit*",
  ],
  ["lib/find_bit.c", "find_first_* find_next_* find_last_* bitmap_*"],
  ["lib/rbtree.c", "rb_insert* rb_erase* rb_first* rb_next* rb_* rbtree*"],
  ["include/linux/list.h", "hlist_* hlist*"],
  ["lib/percpu-refcount.c", "percpu_ref_get* percpu_ref_put* percpu_ref_add*"],
  ["lib/percpu_counter.c", "percpu_counter_get* percpu_counter_put* percpu_counter_add*"],
  ["include/asm-generic/rwonce.h", "read_once* READ_ONCE* get_unaligned* put_unaligned*"],
  ["lib/checksum.c", "csum_* do_csum* crc*"],
  [
    "lib/idr.c",
    "ida_* idr_alloc* idr_find* idr_get* idr_for* idr_replace* idr_destroy* idr_preload* idr_layer* idr_init*",
  ],
  ["lib/xarray.c", "radix_tree_* xas_* xa_*"],
  ["fs/proc/generic.c", "proc_register* proc_mkdir* proc_create* remove_proc* dput_*"],
  ["include/linux/mm.h", "put_page* get_page* virt_to_* page_to* page_address* compound_head* phys_addr*"],
  ["net/core/skbuff.c", "skb_put* skb_push* skb_pull* skb_panic* skb_over* skb_under*"],
  ["arch/x86/include/asm/paravirt.h", "native_* pv_* paravirt*"],
];
