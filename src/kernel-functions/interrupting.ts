import type { NamesOf } from "./names.ts";

/** How an interrupt, or the detector itself, got on the stack of the CPU that stalls. */
export const interrupting: readonly NamesOf[] = [
  ["kernel/rcu/tree_stall.h", "rcu_* print_cpu_stall* check_cpu_stall*"],
  ["kernel/watchdog.c", "watchdog_* watchdog"],
  ["kernel/sched/core.c", "sched_show* preempt_count* in_lock_functions*"],
  ["kernel/time/tick-sched.c", "tick_* update_process_times*"],
  ["kernel/time/hrtimer.c", "hrtimer_* run_hrtimer*"],
  ["kernel/time/timer.c", "run_timers* call_timer_fn* expire_timers* timer_handler*"],
  ["kernel/time/clockevents.c", "clockevents*"],
  ["kernel/softirq.c", "irq_exit* irq_enter* do_softirq* softirqentry* invoke_softirq* run_ksoftirqd*"],
  ["kernel/entry/common.c", "irqentry*"],
  [
    "kernel/irq/handle.c",
    "handle_irq* handle_domain* handle_percpu* generic_handle* irq_work* arch_irq* local_irq*",
  ],
  [
    "arch/x86/kernel/apic/apic.c",
    "local_apic_timer* smp_apic* smp_trace_apic* apic_timer* sysvec_* sysvec* asm_sysvec_* smp_reschedule* smp_call_function_single_inter* smp_thermal*",
  ],
  [
    "arch/x86/kernel/irq.c",
    "do_IRQ* common_interrupt* asm_common* call_on_stack* call_on_irq_stack* arch_local*",
  ],
  [
    "arch/x86/kernel/nmi.c",
    "nmi nmi_* nmi* do_nmi* exc_nmi* asm_exc_nmi* default_do_nmi* end_repeat_nmi* repeat_nmi* perf_event_nmi*",
  ],
  ["arch/x86/events/core.c", "perf_event_overflow* intel_pmu_handle* x86_pmu_handle* amd_pmu_handle*"],
  ["arch/arm64/kernel/entry-common.c", "el1_irq* do_interrupt_handler*"],
  ["arch/arm/kernel/entry-armv.S", "irq_usr* irq_svc*"],
  ["drivers/irqchip/irq-gic-v3.c", "gic_* arch_timer_handler*"],
  ["arch/x86/xen/enlighten_hvm.c", "xen_hvm* hv_*"],
  ["kernel/smp.c", "csd_* generic_smp_call* generic_exec_single* flush_smp* smp_call_function* on_each_cpu*"],
  ["kernel/stop_machine.c", "multi_cpu_stop*"],
  ["arch/x86/kernel/alternative.c", "text_poke*"],
  ["arch/x86/kernel/unwind_orc.c", "unwind unwind_* get_stack_info* orc_* stack_access* deref_stack*"],
  ["kernel/sched/clock.c", "sched_clock*"],
  ["kernel/kprobes.c", "is_insn* sanitizer* fentry*"],
  ["kernel/extable.c", "kernel_text* is_bpf_text* is_module_text* bsearch*"],
  ["kernel/sched/cputime.c", "irqtime_account_irq*"],
  [
    "drivers/tty/serial/8250/8250_port.c",
    "wait_for_xmitr* wait_for_lsr* serial8250_console_* univ8250_console_* io_serial_*",
  ],
];

/** How the timer interrupt that found the stall came to be on the stack. */
export const timerEntries: readonly NamesOf[] = [
  ["arch/x86/kernel/apic/apic.c", "sysvec_apic_timer* asm_sysvec* apic_timer_interrupt* smp_apic*"],
  ["arch/arm64/kernel/entry-common.c", "el1_irq* el1h_64_irq"],
  ["arch/arm/kernel/entry-armv.S", "irq_svc*"],
  ["arch/powerpc/kernel/irq.c", "timer_interrupt* do_irq"],
  ["arch/riscv/kernel/entry.S", "handle_exception"],
];

/** The timer interrupt's own work. */
export const ticks: readonly NamesOf[] = [
  ["kernel/time/tick-sched.c", "update_process_times* tick_* hrtimer_run*"],
  ["kernel/rcu/tree_stall.h", "rcu_* check_cpu_stall*"],
  ["kernel/watchdog.c", "watchdog_timer*"],
];

/** Where x86 enters its exception handlers. */
export const exceptionEntries: readonly NamesOf[] = [
  [
    "arch/x86/entry/entry_64.S",
    "asm_exc_* page_fault async_page_fault general_protection invalid_op error_entry",
  ],
];
