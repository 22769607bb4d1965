import type { NamesOf } from "./names.ts";

/**
 * Locks of all sorts, what drivers and file systems name after the lock that it takes, and lockdep behind them.
 *
 * @see https://github.com/torvalds/linux/tree/master/kernel/locking
 */
export const locking: readonly NamesOf[] = [
  [
    "kernel/locking/spinlock.c",
    "spin_lock* spin_trylock* spin_unlock* read_lock* read_trylock* read_unlock* write_lock* write_trylock* write_unlock* rwlock* raw_spin* raw_read* raw_write* do_raw_*",
    "a spin lock",
  ],
  [
    "include/linux/bit_spinlock.h",
    "bit_spin_lock* bit_spin_trylock* bit_spin_unlock* spinlock* spintrylock* spinunlock*",
  ],
  [
    "include/asm-generic/qspinlock.h",
    "queued_* native_queued* virt_spin* arch_spin_lock* arch_spin_trylock* arch_spin_unlock*",
    "a spin lock",
  ],
  ["kernel/locking/qspinlock_paravirt.h", "pv_queued* kvm_wait*"],
  ["kernel/locking/mcs_spinlock.h", "mcs_*"],
  ["kernel/locking/osq_lock.c", "osq_*"],
  ["kernel/locking/mutex.c", "mutex_*", "a mutex"],
  ["kernel/locking/ww_mutex.h", "ww_mutex*", "a wait/wound mutex"],
  ["kernel/locking/rtmutex.c", "rt_mutex* rtlock*", "an rt-mutex"],
  ["kernel/locking/spinlock_rt.c", "rt_spin* rt_read* rt_write* rwbase*"],
  ["kernel/locking/rwsem.c", "down_* up_* rwsem* call_rwsem* init_rwsem*", "an rw-semaphore"],
  ["kernel/locking/semaphore.c", "down up sema_* semaphore_*", "a semaphore"],
  ["kernel/locking/percpu-rwsem.c", "percpu_down* percpu_up* percpu_rwsem*", "a per-CPU rw-semaphore"],
  ["lib/rwsem-spinlock.c", "rwsem_*"],
  ["lib/lockref.c", "lockref*"],
  ["include/linux/seqlock.h", "seqcount* seqprop* seqlock* sequnlock* read_seq* write_seq* raw_seq*"],
  ["include/linux/local_lock_internal.h", "local_lock* local_unlock* local_irq* local_bh*"],
  ["kernel/softirq.c", "local_bh_enable* local_bh_disable* do_softirq_own*"],
  ["kernel/sched/completion.c", "complete complete_* completion*"],
  ["kernel/sched/core.c", "try_to_wake* wake_up*"],
  ["kernel/rcu/tree.c", "rcu_is_watching* rcu_dynticks* rcu_read* rcu_lock* rcu_note* rcu_nmi*"],
  [
    "kernel/cpu.c",
    "cpus_read_lock* cpus_write_lock* cpu_hotplug_begin* get_online_cpus*",
    "the lock of CPU hotplug",
  ],
  ["kernel/printk/printk.c", "console_lock* console_unlock*", "the console's lock"],
  ["kernel/events/core.c", "exclusive_event*"],
  ["kernel/cgroup/cgroup.c", "cgroup_kn_lock_live* cgroup_lock* cgroup_attach_lock*"],
  ["mm/memcontrol.c", "lock_page* folio_lock*", "a page's lock"],
  [
    "include/linux/mmap_lock.h",
    "mmap_read_lock* mmap_write_lock* vma_start_* lock_mm_and_find_vma* anon_vma_lock*",
    "the lock of an address space",
  ],
  [
    "include/linux/fs.h",
    "inode_lock* inode_trylock* i_mmap_lock* sb_start_* file_start_write* lock_rename* lock_two_* mnt_want_write* lock_mount* namespace_lock* pipe_lock* pipe_double_lock*",
    "a lock of a file system",
  ],
  ["fs/super.c", "super_lock* grab_super*"],
  ["fs/buffer.c", "lock_buffer*", "a lock of a disk block"],
  [
    "fs/btrfs/locking.c",
    "btrfs_tree_lock* btrfs_tree_read_lock* btrfs_lock_root_node* btrfs_read_lock_root_node* lock_extent*",
    "a lock of a BTRFS tree",
  ],
  ["fs/xfs/xfs_inode.c", "xfs_ilock* xfs_buf_lock*", "a lock of an XFS inode or buffer"],
  ["bcachefs: fs/bcachefs/six.c", "six_lock* six_trylock* six_relock* six_unlock*", "a six lock of bcachefs"],
  [
    "bcachefs: fs/bcachefs/btree_locking.c",
    "bch2_six_check_for_deadlock* bch2_btree_node_lock* btree_node_lock*",
  ],
  ["OpenZFS: module/zfs/zfs_rlock.c", "zfs_rangelock_enter* rrw_enter* rrm_enter*"],
  ["net/core/sock.c", "lock_sock* release_sock*", "a socket's lock"],
  ["net/core/rtnetlink.c", "rtnl_lock* rtnl_trylock* rtnl_net_lock*", "the network's lock (rtnl)"],
  ["drivers/base/dd.c", "device_lock* device_driver_lock* device_links_read_lock*", "a device's lock"],
  ["drivers/gpu/drm/drm_modeset_lock.c", "drm_modeset_lock* modeset_lock*", "a lock of the display"],
  ["drivers/tty/tty_ldsem.c", "ldsem* tty_lock* tty_ldisc_ref_wait* tty_ldisc_lock*", "a terminal's lock"],
  [
    "kernel/locking/lockdep.c",
    "lock_acquire* lock_release* lock_is_held* lock_torture* lock_contended* lock_acquired* lock_downgrade* lock_set* lock_pin* lock_unpin* validate_chain* check_prev* check_irq* check_noncircular* check_deadlock* check_lock* check_unlock* check_wait* check_usage* check_flags* check_chain* check_path* mark_lock* mark_held* mark_usage* register_lock* assign_lock* look_up_lock* add_chain* lookup_chain* find_usage* find_lock* usage_* bfs bfs_forwards bfs_backwards reacquire* match_held* init_lock_keys* hlock_* lockdep_*",
  ],
  ["kernel/trace/trace_preemptirq.c", "trace_hardirqs* trace_softirqs*"],
  ["include/linux/kernel.h", "might*"],
];
