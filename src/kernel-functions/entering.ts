import type { NamesOf } from "./names.ts";

/** Where every call chain of a thread or a CPU begins. They tell nothing of what it does. */
export const roots: readonly NamesOf[] = [
  ["kernel/kthread.c", "kthread"],
  [
    "arch/x86/entry/entry_64.S",
    "ret_from_fork* entry_SYSCALL* entry_INT80* entry_SYSENTER* entry_trampoline* common_startup* secondary_startup* child_rip* kernel_thread_helper*",
  ],
  [
    "arch/x86/entry/common.c",
    "do_syscall* do_fast_syscall* do_int80* do_compat_syscall* x64_sys_call* sysenter* system_call* sysret*",
  ],
  ["arch/x86/kernel/smpboot.c", "start_secondary* x86_64_start_*"],
  ["arch/arm/kernel/entry-common.S", "ret_fast* secondary_start_kernel*"],
  ["arch/arm64/kernel/syscall.c", "el0_* el0t_* do_el0_svc* invoke_syscall*"],
  ["arch/mips/kernel/scall32-o32.S", "syscall_common* handle_sys*"],
  [
    "arch/powerpc/kernel/interrupt_64.S",
    "system_call_* ret_from_kernel_* ret_from_except* interrupt_return* syscall_exit*",
  ],
  ["arch/s390/kernel/entry.S", "kernel_thread_starter* ret_from_exception*"],
  ["init/main.c", "start_kernel rest_init"],
  ["kernel/sched/idle.c", "cpu_startup* do_idle* cpu_idle*"],
];

/**
 * Where generic code hands over to the code that is particular to a system call, a timer, a work item or a packet.
 */
export const dispatching: readonly NamesOf[] = [
  [
    "kernel/time/timer.c",
    "call_timer_fn* run_timer run_timer_* run_timers* run_timer_softirq* hrtimer_run_queues*",
  ],
  ["net/core/dev.c", "net_rx_action* net_tx_action* napi_poll* netif_receive* process_backlog*"],
  ["kernel/softirq.c", "handle_softirqs* do_softirq* tasklet_action* tasklet_hi*"],
  ["kernel/rcu/tree.c", "rcu_do_batch* rcu_core*"],
  ["kernel/workqueue.c", "process_one_work* process_scheduled* worker_thread*"],
  [
    "include/linux/syscalls.h",
    "x64_sys_* x64_compat_sys_* ia32_sys_* ia32_compat_sys_* arm64_sys_* arm64_compat_sys_* se_sys_* se_compat_sys_* do_sys_* do_compat_sys_* ksys_* compat_sys_* sys_* SyS* Sys* compat_SyS* compat_Sys* C_SyS* SYSC*",
  ],
  ["fs/read_write.c", "vfs_* do_iter_* do_sync_* new_sync_* do_vfs* kern_*"],
  ["fs/open.c", "do_dentry_open* chrdev_open* fput*"],
  [
    "fs/kernfs/file.c",
    "kernfs_fop_* sysfs_kf* seq_write* proc_reg_* full_proxy_* kobj_attr* dev_attr* param_attr* module_attr*",
  ],
  [
    "net/socket.c",
    "sock_sendmsg* sock_recvmsg* sock_release* sock_close* sock_do_ioctl* sock_ioctl* sock_setsockopt* sock_read* sock_write* sock_poll*",
  ],
  ["net/netlink/af_netlink.c", "rtnetlink_rcv* netlink_rcv* netlink_unicast* genl_* nfnetlink_rcv* nf_hook*"],
  [
    "kernel/exit.c",
    "task_work_run* exit_to_user* do_exit* do_group_exit* get_signal* do_signal* arch_do_signal*",
  ],
  ["init/main.c", "do_one_initcall* kernel_init kernel_init_freeable"],
  ["kernel/irq/irqdesc.c", "generic_handle* handle_irq*"],
  ["mm/memory.c", "handle_mm_fault*"],
  ["drivers/misc/lkdtm/core.c", "direct_entry lkdtm_do_action"],
];
