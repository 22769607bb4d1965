import type { Frame } from "./finding.ts";
import { plainName } from "./frame.ts";
import { type FindingKind, traitsOf } from "./kinds.ts";

/** What prints reports, handles the exception itself, or instruments the code. Never guilty. */
const machinery =
  /^(?:_*dump_(?:stack|backtrace|trace)|show_(?:stack|trace|regs|opcodes)|unwind_backtrace|walk_stackframe|print_|_?printk|vprintk|_*panic|nmi_panic|__x86_indirect|__x86_return|retpoline|_*warn(?:_|$|n)|report_(?:bug|usercopy)|fixup_bug|handle_bug|_*do_(?:error_)?trap|do_invalid_op|invalid_op|do_general_protection|general_protection|exc_|asm_exc_|die|_*die(?:_|$)|oops_|bug_handler|brk_handler|do_debug_exception|do_mem_abort|do_page_fault|_*do_(?:kernel|user|bad|translation)_(?:fault|area|addr_fault)|_*do_page_fault|page_fault|bad_area|_*bad_area|no_context|_*no_context|kernelmode_fixup|el[01]h?_|el1t_|call_break_hook|error_(?:entry|exit)|trace_do_page_fault|async_page_fault|spurious|vmalloc_fault|do_(?:sea|alignment_fault|mem_abort|undefinstr|DataAbort|PrefetchAbort)|arm_notify_die|baddataabort|_*(?:dabt|pabt|und|irq)_(?:svc|usr|invalid)|ret_from_exception|handle_exception|kasan|_*kasan|_*asan|__hwasan|hwasan|check_memory_region|memory_is_|kmsan|_*kmsan|__msan|kcsan|__tsan|_*kcsan|report_race|set_reporter|kfence|_*kfence|ubsan|_*ubsan|val_to_string|usercopy_|_*check_(?:object_size|heap_object)|check_(?:stack_object|kernel_text_object|bogus_address|page_span)|copy_overflow|__stack_chk_fail|_*sanitizer_cov|write_comp_data|check_kcov_mode|canonicalize_ip|_*fentry|ftrace_|object_err|slab_err|check_(?:bytes|object|slab)|slab_bug|free_debug_processing|free_to_partial|on_freelist|lockdep_|debug_check_no_locks|debug_(?:print_object|object|check_no_obj)|_*debug_(?:object|check_no_obj|locks|smp_processor_id)|__this_cpu_preempt_check|check_preemption_disabled|_*(?:might_(?:sleep|fault|resched)|might_alloc)|_*schedule_bug|_*list_(?:add|del)(?:_|$)|list_(?:move|splice|replace)|_*list_(?:move|splice)|invoke_syscall|rust_helper_BUG|rust_begin_unwind|__rust.*panic|core::panicking|.*panicking.*panic|nmi_(?:trigger|cpu_backtrace|handle)|arch_trigger|trigger_(?:all_cpu|single_cpu|cpumask|load)|sysrq_handle|handle_stack_overflow|panic_bad_stack|restore_regs|ret_from_intr|retint|stack_overflow|df_debug|doublefault|double_fault|handle_bad_stack|bad_stack)/;

/** Helpers that fail because of what their caller gave them. */
const helpers =
  /^(?:_*(?:mem(?:cpy|set|move|cmp|chr|scan|dup|zero|ove)|str[a-z]*(?:cpy|len|cmp|chr|cat|str|dup|spn|sep|scpy)|kstr|kmem(?:dup)?_|kmalloc|kvmalloc|kzalloc|kcalloc|kvfree|kfree|kzfree|krealloc|vmalloc|vzalloc|vfree|do_kmalloc|slab_|_*slab_|___slab|___cache|cache_(?:alloc|grow|free)|krealloc|devm_k|raw_|copy_(?:from|to)_user|copy_user|copyin|copyout|_copy_(?:from|to)|copy_page(?:_|$)|clear_page|clear_huge|memcpy_|instrument_|refcount_|kref_|kobject_(?:get|put|init|add|set)|kset_|kobj_|atomic_|atomic64_|arch_atomic|test_bit|set_bit|clear_bit|arch_(?:test|set|clear)_|find_(?:first|next|last)_|rb_(?:insert|erase|first|next)|__rb_|rbtree|hlist_|_*hlist|percpu_(?:ref|counter)_(?:get|put|add)|read_once|READ_ONCE|get_unaligned|put_unaligned|csum_|do_csum|crc|vsnprintf|snprintf|sprintf|vsprintf|scnprintf|vscnprintf|string|hex_|number|format_decode|bitmap_|_*bitmap_|ida_|idr_(?!remove)|radix_tree_|xas_|xa_|dput_|proc_(?:register|mkdir|create)|_*proc_create|remove_proc|put_page|get_page|skb_(?:put|push|pull|panic|over|under)|virt_to_|page_(?:to|address)|compound_head|_*phys_addr|___might|constant_test_bit|variable_test_bit|native_|pv_|paravirt))/;

/** Locks, and lockdep behind them. */
const locking =
  /^(?:_*(?:raw_|do_raw_)*(?:spin|read|write|rw|seq|bit_spin|arch_spin)_?(?:try|un)?lock|_raw_|__raw_|do_raw_|queued_|native_queued|_*pv_queued|kvm_wait|virt_spin|mcs_|osq_|rwbase|rt_(?:mutex|spin|read|write)|_*rt_mutex|rtlock|_*mutex_|_*down(?:_|$)|_*up(?:_(?:read|write)|$)|ldsem_|_*ldsem|rwsem|_*rwsem|call_rwsem|percpu_(?:down|up|rwsem)|_*percpu_down|lock_(?:acquire|release|is_held|torture|contended|acquired|downgrade|set)|_*lock_(?:acquire|release|is_held|set|pin|unpin|contended|acquired|downgrade)|lock_(?:sock|acquire)|_*lock_sock|lock_buffer|_*lock_buffer|_*lock_page|lock_page|folio_lock|_*folio_lock|lockref_|ww_mutex|_*ww_mutex|validate_chain|check_(?:prev|irq|noncircular|deadlock|lock|unlock|wait|usage|flags|chain|path)|mark_(?:lock|held|usage)|register_lock|assign_lock|look_up_lock|add_chain|lookup_chain|find_(?:usage|lock)|usage_|__bfs|reacquire|match_held|init_lock_keys|trace_(?:hardirqs|softirqs)|_*trace_hardirqs|_*local_bh_(?:en|dis)able|local_(?:irq|bh|lock)|do_softirq_own|__might|console_(?:lock|unlock)|down_|up_|completion|complete(?:_|$)|_*wake_up|try_to_wake|rcu_(?:read|lock|note|is_watching|dynticks|nmi)|sema(?:phore)?_|seqcount|read_seq|write_seq|raw_seq|exclusive_event)/;

/** Where every task waits. */
const waiting =
  /^(?:_*schedule(?:_|$)|context_switch$|_*switch_to|io_schedule|bit_wait|_*wait_(?:on_bit|on_buffer|for_common|for_completion|for_commit|on_page|woken|rcu_gp|event|on_inode|sb_inodes)|wait_(?:for_completion|for_common|on_bit|on_page|woken|event|rcu|for_random|on_inode|on_buffer|transaction|current)|out_of_line_wait|do_wait_for|folio_wait|_*folio_wait|wait_on|prepare_to_wait|finish_wait|autoremove_wake|preempt_schedule|_*preempt_schedule|_*cond_resched|_cond_resched|do_nanosleep|hrtimer_nanosleep|msleep|usleep|ssleep|synchronize_(?:net|irq)|rcu_barrier|_*rcu_barrier|_*flush_(?:work|workqueue)|flush_(?:work|workqueue|delayed)|drain_workqueue|_*cancel_(?:work|delayed)|cancel_(?:work|delayed)|kthread_(?:stop|park|flush|parkme)|refrigerator|sleep_on|_*rt_mutex_slow|do_sched_yield|_*down_|freezing|try_to_freeze|exp_funnel_lock|request_wait_answer|_*fuse_request_send|__get_request|blk_execute_rq|submit_bio_wait)/;

/** How an interrupt, or the detector itself, got on the stack of the one that stalls. */
const interrupts =
  /^(?:rcu_|_*rcu_|print_cpu_stall|check_cpu_stall|sched_show|update_process_times|tick_|_*tick_|_*hrtimer_|hrtimer_|_*run_(?:hrtimer|timers)|local_apic_timer|smp_(?:apic|trace_apic|reschedule|call_function_single_inter|thermal)|apic_timer|(?:asm_)?sysvec_|_*sysvec|_*irq_(?:exit|enter|usr|svc)|irq_(?:exit|enter)|irqentry|_*handle_(?:irq|domain_irq)|handle_(?:irq|domain|percpu)|generic_handle|gic_|arch_timer_handler|do_interrupt_handler|_*do_softirq|do_softirq|_*softirqentry|invoke_softirq|run_ksoftirqd|call_on_(?:irq_)?stack|do_IRQ|common_interrupt|asm_common|watchdog_timer|perf_event_nmi|nmi_|_*nmi|end_repeat_nmi|default_do_nmi|do_nmi|exc_nmi|asm_exc_nmi|repeat_nmi|csd_lock|_*csd_|call_timer_fn|expire_timers|el1_irq|xen_hvm|hv_|clockevents|generic_smp_call|flush_smp_call|_*flush_smp|multi_cpu_stop|timer_handler|irq_work|_*irq_work|arch_local|local_irq|arch_irq|_*sanitizer|_*fentry|_*text_poke|preempt_count|_*preempt_count|in_lock_functions|unwind_|_*unwind|stack_trace|arch_stack_walk|save_stack|_*save_stack|get_stack_info|in_(?:task|irq)_stack|orc_|bsearch|stack_access|deref_stack|is_(?:bpf|module)_text|kernel_text_address|_*kernel_text|_*is_insn|smp_call_function|on_each_cpu)/;

/** Allocators, counters and lists that many callers share; their caller is the one to look at. */
const shared =
  /^(?:_*alloc_(?:pages?|frozen|skb|percpu|contig)|alloc_pages?|folio_alloc|_*get_free_pages|_*folio_(?:alloc|unlock)|folio_unlock|unlock_page|new_slab|allocate_slab|alloc_slab|post_alloc_hook|prep_new_page|_*free_(?:pages|frozen|unref|pcp|large_kmalloc)|free_(?:pages|pcp|unref|pcppages|large_kmalloc)|get_page_from|_*get_page_from|rmqueue|bad_page|page_bad|check_new_page|_*set_page_owner|set_track|_*set_track|stack_trace_|stack_depot|save_track|fortify_|_*fortify|assertfail|skb_panic|check_panic_on_warn|get_taint|add_taint|do_tag_|spin_(?:dump|bug)|rwlock_bug|_*spin_dump|ref_tracker_|_*seqprop|copy_from_iter|copy_to_iter|_*copy_(?:from|to)_iter|simple_copy|should_fail|fail_|_*should_fail|klist_|hlock_|work_is_static|timerqueue_|lock_timer_base|_*mod_timer|(?:try_to_)?del_timer|_*queue_work|rhashtable_|_*rhashtable|jhash|drop_nlink|inc_nlink|fast_dput|dput$|iput$|iput_final|retain_dentry|evict$|kthread_(?:should|stop|park)|test_and_|mark_buffer_dirty|_*asm_call|asm_call|_*call_rcu|call_rcu|kvfree_call|kfree_call|rcu_do_batch|_*rcu_reclaim|_*wait_rcu|seq_(?:putc|puts|printf|write)|skb_release|_*kfree_skb|consume_skb|_*do_once|bpf_get_|nla_(?:put|get|parse)|_*nla_|trace_event_|perf_trace_buf|memblock_|phys_to_virt|kunmap|kmap|bio_put|sg_(?:page|init|next)|skb_copy|_*local_inc|irq_disable|ksize|create_object|_*create_object|kmemleak_|_*kmemleak|lruvec_|mod_(?:zone|node|lruvec)|init_timer|_*init_(?:work|timer|rwsem)|lockref|ptep_|pmd_page|_*percpu_counter|percpu_counter|strscpy|sized_str|of_find)/;

/** Names that C code gives the sections the scheduler and the lock functions are in. */
const sectionNames = /^_*(?:sched|lock|entry|irqentry|kprobes|softirqentry|cpuidle)_text_(?:start|end)$/;

const all: readonly RegExp[] = [machinery, helpers, locking, shared, waiting, sectionNames];
const withInterrupts: readonly RegExp[] = [...all, interrupts];

/**
 * Where generic code hands over to the code that is particular to a system call, a timer, a work item or a packet.
 */
const dispatchers =
  /^(?:call_timer_fn|_*run_timers?|run_timer_softirq|_*hrtimer_run_queues|net_[rt]x_action|_*napi_poll|_*netif_receive_skb|netif_receive|process_backlog|handle_softirqs|_*do_softirq|tasklet_(?:action|hi)|rcu_do_batch|rcu_core|process_one_work|process_scheduled|worker_thread|kthread$|ret_from_fork|do_syscall|entry_|do_fast_syscall|do_int80|do_compat_syscall|el0_|invoke_syscall|ret_fast|x64_sys_call|_*(?:x64|ia32|arm64|se|do|ksys|compat)_(?:compat_)?sys_|(?:compat_)?sys_|(?:compat_|C_)?Sy[sS]|SYSC|_*vfs_|do_(?:iter|sync)_|new_sync_|do_vfs|ksys_|_*kern_|rtnetlink_rcv|netlink_(?:rcv|unicast)|genl_|nfnetlink_rcv|_*sock_(?:sendmsg|recvmsg|release|close)|sock_(?:do_ioctl|ioctl|setsockopt|read|write|poll)|_*fput|task_work_run|exit_to_user|_*do_exit|do_group_exit|kernel_init|start_kernel|do_idle|cpu_(?:startup|idle|kernel)|do_one_initcall|nf_hook|kernfs_fop_|sysfs_kf|seq_write|proc_reg_|param_attr|dev_attr|kobj_attr|module_attr|full_proxy_|direct_entry$|lkdtm_do_action$|do_dentry_open|chrdev_open|get_signal|do_signal|arch_do_signal|generic_handle|_*handle_irq|handle_mm_fault|_*handle_mm_fault)/;

/** How the timer interrupt that found the stall came to be on the stack. */
const timerEntry =
  /^(?:(?:asm_)?sysvec_apic_timer|(?:smp_)?apic_timer_interrupt|el1_irq|el1h_64_irq$|_*irq_svc|timer_interrupt|asm_sysvec|handle_exception$|do_irq$|smp_apic)/;
const ticks = /^(?:update_process_times|tick_|_*hrtimer_run|rcu_|check_cpu_stall|watchdog_timer)/;

const exceptionEntry = /^(?:asm_exc_|(?:async_)?page_fault$|general_protection$|invalid_op$|error_entry$)/;

/** Names that stand for no function. */
const nameless = /^(?:0x)?[0-9a-f]{6,16}$|^0x|^$/;

/** Whether a function is one that a title of this kind should not blame. */
export function isBlameless(kind: FindingKind, name: string): boolean {
  const patterns = traitsOf(kind).interrupted ? withInterrupts : all;
  const blameless = (text: string): boolean =>
    nameless.test(text) || patterns.some((pattern) => pattern.test(text));
  return blameless(plainName(name)) || withoutOneRepeat(plainName(name)).some(blameless);
}

/** An emulated serial line now and then prints a character twice: `scheedule` is `schedule`. */
function withoutOneRepeat(name: string): string[] {
  return [...name.matchAll(/([a-z])\1/g)].map(
    (match) => name.slice(0, match.index) + name.slice(match.index + 1),
  );
}

/**
 * The function to blame: the first of the call chain that is no wait, lock, helper or part of the report itself;
 * addresses that were only found on the stack (`? foo`) count when there is nothing better.
 *
 * @example guiltyFrame("hung-task", frames)?.function // "io_uring_del_tctx_node"
 */
export function guiltyFrame(kind: FindingKind, frames: readonly Frame[]): Frame | undefined {
  const particular = traitsOf(kind).stallOfCpu ? entered(kind, frames) : undefined;
  if (particular) return particular;
  const free = (frame: Frame): boolean => !isBlameless(kind, frame.function);
  // Of addresses that were only found on the stack, those above the exception's entry are of its own handling.
  const handled = frames.findLastIndex((frame) => exceptionEntry.test(frame.function));
  return (
    frames.find((frame) => frame.reliable && free(frame)) ??
    frames.find((frame, index) => index > handled && !frame.reliable && free(frame)) ??
    frames.find((frame) => !frame.reliable && free(frame)) ??
    frames.find((frame) => frame.reliable && !isMachinery(frame.function))
  );
}

/**
 * A CPU that stalls is caught anywhere in a loop, so the innermost function differs from one time to the next. The
 * one that generic code entered it by does not.
 */
function entered(kind: FindingKind, frames: readonly Frame[]): Frame | undefined {
  const reliable = frames.filter((frame) => frame.reliable);
  const tick = reliable.findIndex((frame) => ticks.test(frame.function));
  let start = 0;
  if (tick >= 0) {
    const entry = reliable.findIndex((frame, index) => index > tick && timerEntry.test(frame.function));
    if (entry >= 0) start = entry + 1;
    while (timerEntry.test(reliable[start]?.function ?? "")) start += 1;
  }
  const own = reliable.slice(start);
  const end = own.findIndex((frame, index) => index > 0 && dispatchers.test(frame.function));
  const inside = end < 0 ? own : own.slice(0, end);
  const found = inside.findLast(
    (frame) => !isBlameless(kind, frame.function) && !dispatchers.test(frame.function),
  );
  return found ?? own.find((frame) => /(?:^|_)sys_\w|^SyS_/.test(frame.function));
}

/** Whether a function only reports; a lock or helper can still be blamed when nothing else is there. */
export function isMachinery(name: string): boolean {
  const plain = plainName(name);
  return nameless.test(plain) || machinery.test(plain);
}
