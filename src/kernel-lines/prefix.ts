/** What others than the kernel, and printk itself, leave in front of a kernel line. All patterns are sticky. */

/** `[   12.345678]`, also with a second clock behind it; some vendors write `[   12.345678s]`. */
export const stamp = /\[ *(\d{1,8}\.\d{0,9})s?(?: ?[ @,/|<(+][^[\]]{0,40})?\]/y;
/** The first bracket was lost when it was copied. */
export const halfStamp = /(\d{1,8}\.\d{6})\] /y;
/** `CONFIG_PRINTK_CALLER`. */
export const caller = /\s?\[ *([TC]\d+)(?:@[^[\]]{1,12})?\] ?/y;
/** `dmesg --human` and `--time-format delta`. */
export const relative =
  /\[(?:[^\s[\]\d]{1,16} ?\d{1,2} \d\d:\d\d|\d{1,2}(?:月|월) ?\d{1,2} \d\d:\d\d| {0,5}\+\d+\.\d+|< *\d+\.\d+>)\] ?/y;
export const level = /<\d{1,3}>\s?/y;
/** A syslog message as it goes over the network: RFC 5424. */
export const rfc5424 =
  /<\d{1,3}>1 (\d{4}-\d\d-\d\dT\S{8,40}|-) \S{1,255} (\S{1,48}) \S{1,128} \S{1,32} (?:-|\[[^\]]{0,500}\]) ?\ufeff?/y;
export const quote = /(?:[>|] ?)+/y;
/** `dmesg --decode`. */
export const facility =
  /(?:kern|user|daemon|syslog|mail|auth|authpriv|lpr|news|uucp|cron|ftp|local\d) *:[a-z]+ *: ?/y;
/** A record of /dev/kmsg. */
export const record = /\d{1,3},\d+,(\d+),[-c+](?:,caller=([TC]\d+))?[^;]{0,200};/y;
export const logcat = /\d\d-\d\d \d\d:\d\d:\d\d\.\d{3,6}\s+(?:\w+\s+)?\d+\s+\d+\s+[VDIWEF]\s+[^:]{0,40}: /y;
/** `dmesg --time-format iso`: a comma before the fraction tells it from a system log. */
export const isoStamp = /(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d,\d{6}[+-]\d\d:\d\d) /y;
/** A collector's one-character mark behind its clock. */
export const collectorMark = /[-a-z] /y;
/** The kernel's name in a system log, with or without the host's. */
export const kernelName =
  /(?:\S{1,255} )??(?:[a-z0-9]{1,10}\.[a-z]{1,10} )?(?:kernel|klogd|vmunix)(?:\[\d+\])?: ?/y;
/** Behind a stamp, where any word could be the kernel's own. */
export const nameBehindStamp = /(?:[\w.-]{1,255} )?kernel: /y;
/** A host's name and a record of /dev/kmsg. */
export const hostBeforeRecord = /(?:\S{1,255} )?(?=\d{1,3},\d+,\d+,[-c+][^;]{0,200};)/y;
/** Another program in a system log. */
export const program =
  /(?:(?<host>\S{1,255}) )?(?:[a-z0-9]{1,10}\.[a-z]{1,10} )?(?<name>[\w.@/()-]{1,128})(?<pid>\[\d+\])?: ?/y;
/** What others leave in front of a kernel line on a serial console: a getty's prompt, a fuzzer's clock. */
export const prompt = /[\w.-]{1,64} login: |\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d /y;
/** Samsung (in an interrupt or not), MediaTek, Huawei, Sony. */
export const vendor =
  /[.-]?\(\d\)\[\d+:[^\]]{1,40}\] ?|[A-Z]?\[\d{1,2}: *[^[\]]{1,40}: *\d+\] ?|\[<c\d>\] ?|\[pid:\d+,cpu\d+,[^[\]]{1,40}\] ?|\(CPU:\d+-pid:\d+:[^()]{1,40}\) ?|\[name:[^[\]]{1,40}\] ?/y;
/** printk's own notes about lines that did not make it. */
export const dropped = /\*\* (?:\d+ printk messages dropped|replaying previous printk message) \*\* ?/y;

/** First words of the kernel's own lines: where a log has no program's name, these are none. */
const kernelWords = new Set(
  "INFO BUG WARNING Oops CPU PID Pid RIP EIP IP PC LR NIP MSR pc lr sp epc ra Code Call Trace trace Backtrace task Workqueue name Tainted rcu watchdog NMI mce Hardware Process panic Stack Mem-Info CR2 RAX RBX RCX RDX RSP RSI RDI RBP EAX EBX ECX EDX ESP FS GS CS memory Tasks state error".split(
    " ",
  ),
);

/** Whether a word that stands where a program's name would be is the kernel's own. */
export function isKernelWord(word: string): boolean {
  return kernelWords.has(word) || /^R\d\d$/.test(word);
}
