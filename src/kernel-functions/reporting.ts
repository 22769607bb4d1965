import type { NamesOf } from "./names.ts";

/**
 * What prints reports, handles the exception itself, or instruments the code. Never to blame, whatever else is
 * there.
 *
 * @see https://github.com/torvalds/linux/blob/master/kernel/panic.c
 */
export const reporting: readonly NamesOf[] = [
  ["lib/dump_stack.c", "dump_stack* show_regs* show_stack* show_trace* show_opcodes* show_state*"],
  [
    "kernel/printk/printk.c",
    "printk* vprintk* print_* dev_printk* dev_vprintk* dev_err* dev_warn* dev_info*",
  ],
  ["kernel/panic.c", "panic* nmi_panic* warn warn_* warnn* oops_* stack_chk_fail* check_panic_on_warn*"],
  ["lib/bug.c", "report_bug*"],
  [
    "kernel/stacktrace.c",
    "stack_trace* save_stack* arch_stack_walk* walk_stackframe* dump_trace* in_task_stack* in_irq_stack*",
  ],
  ["arch/x86/kernel/dumpstack.c", "die die_* die*"],
  [
    "arch/x86/kernel/traps.c",
    "do_trap* do_error_trap* do_invalid_op* invalid_op* do_general_protection* general_protection* handle_bug* fixup_bug* exc_* handle_stack_overflow* df_debug* doublefault* double_fault*",
  ],
  [
    "arch/x86/mm/fault.c",
    "do_page_fault* page_fault* do_kern_addr_fault* do_user_addr_fault* do_user_area* bad_area* no_context* kernelmode_fixup* spurious* vmalloc_fault* trace_do_page_fault* async_page_fault* handle_page_fault*",
  ],
  ["arch/x86/entry/entry_64.S", "asm_exc_* error_entry* error_exit* restore_regs* ret_from_intr* retint*"],
  ["arch/x86/lib/retpoline.S", "x86_indirect* x86_return* retpoline*"],
  ["arch/x86/kernel/ftrace_64.S", "fentry* ftrace_*"],
  ["arch/x86/kernel/apic/hw_nmi.c", "arch_trigger*"],
  ["arch/x86/kernel/nmi.c", "nmi_handle*"],
  [
    "arch/arm64/kernel/entry-common.c",
    "el0_* el1_* el0h_* el1h_* el1t_* bad_stack* handle_bad_stack* panic_bad_stack* bad_mode*",
  ],
  [
    "arch/arm64/kernel/debug-monitors.c",
    "brk_handler* bug_handler* call_break_hook* do_debug_exception* invoke_syscall*",
  ],
  [
    "arch/arm64/mm/fault.c",
    "do_mem_abort* do_sea* do_bad do_bad_area* do_bad_fault* do_translation_fault* do_kernel_fault* do_alignment_fault* do_tag_*",
  ],
  [
    "arch/arm/mm/fault.c",
    "do_DataAbort* do_PrefetchAbort* do_user_fault* do_undefinstr* arm_notify_die* baddataabort* unwind_backtrace* dump_backtrace*",
  ],
  [
    "arch/arm/kernel/entry-armv.S",
    "dabt_svc* dabt_usr* dabt_invalid* pabt_svc* pabt_usr* pabt_invalid* und_svc* und_usr* und_invalid* irq_svc* irq_usr* irq_invalid* ret_from_exception*",
  ],
  ["arch/mips/kernel/unaligned.c", "do_ade* handle_ade* handle_adel* handle_ades* emulate_load_store*"],
  ["arch/mips/mm/tlbex.c", "tlb_do_page_fault* handle_tlb*"],
  [
    "arch/powerpc/mm/fault.c",
    "bad_page_fault* do_bad_page_fault* data_access_* do_hash_page* instruction_access_* program_check_*",
  ],
  ["arch/s390/mm/fault.c", "do_dat_exception* do_pgm_check* pgm_check_* do_protection_exception*"],
  ["arch/riscv/kernel/entry.S", "handle_exception*"],
  ["arch/s390/kernel/entry.S", "stack_overflow*"],
  ["drivers/tty/sysrq.c", "sysrq_handle*"],
  [
    "lib/nmi_backtrace.c",
    "nmi_trigger* nmi_cpu_backtrace* trigger_all_cpu* trigger_single_cpu* trigger_cpumask*",
  ],
  ["kernel/sched/core.c", "schedule_bug* dump_cpu_task*"],
  ["kernel/hung_task.c", "check_hung_uninterruptible_tasks* check_hung_task* hung_task_*"],
  ["kernel/sched/fair.c", "trigger_load*"],
  ["mm/kasan/generic.c", "kasan* asan* hwasan* check_memory_region* memory_is_*"],
  ["mm/kmsan/instrumentation.c", "kmsan* msan*"],
  ["kernel/kcsan/core.c", "kcsan* tsan* report_race* set_reporter*"],
  ["mm/kfence/core.c", "kfence*"],
  ["kernel/kcov.c", "sanitizer_cov* write_comp_data* check_kcov_mode* canonicalize_ip*"],
  ["lib/ubsan.c", "ubsan* val_to_string* handle_overflow*"],
  [
    "mm/usercopy.c",
    "usercopy_* report_usercopy* check_object_size* check_heap_object* check_stack_object* check_kernel_text_object* check_bogus_address* check_page_span* copy_overflow*",
  ],
  [
    "mm/slub.c",
    "object_err* slab_err* check_bytes* check_object* check_slab* slab_bug* free_debug_processing* free_to_partial* on_freelist*",
  ],
  [
    "mm/oom_kill.c",
    "dump_header* oom_kill_process* oom_killer* out_of_memory* pagefault_out_of_memory* alloc_pages_may_oom*",
  ],
  ["kernel/locking/lockdep.c", "lockdep_* debug_check_no_locks* debug_locks*"],
  ["lib/debugobjects.c", "debug_print_object* debug_object* debug_check_no_obj*"],
  ["lib/smp_processor_id.c", "debug_smp_processor_id* this_cpu_preempt_check* check_preemption_disabled*"],
  ["include/linux/kernel.h", "might_sleep* might_fault* might_resched* might_alloc*"],
  ["lib/list_debug.c", "list_add list_add_* list_del list_del_* list_move* list_splice* list_replace*"],
  ["rust/kernel/lib.rs", "rust_helper_BUG* rust_begin_unwind* core::panicking*"],
  [
    "the linker's marks (vmlinux.lds.S)",
    "sched_text_start sched_text_end lock_text_start lock_text_end entry_text_start entry_text_end irqentry_text_start irqentry_text_end kprobes_text_start kprobes_text_end softirqentry_text_start softirqentry_text_end cpuidle_text_start cpuidle_text_end rela_dyn_start text stext etext sinittext",
  ],
];
