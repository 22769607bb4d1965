/*
 * What ioctl(FIONREAD) and epoll say of a TCP socket with data in it, that a BPF program was asked to look at.
 *
 *   fionread none|sk-msg|verdict ROUNDS
 *
 * In each round a connection is made over loopback, its reading end is put into a sockmap, and the other end sends
 * 1,000 bytes. With sk-msg the map has a program for what its sockets send, as tools that mark outgoing requests have;
 * with verdict one for what they receive as well. Both let everything pass. One line of JSON tells what was seen.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/bpf.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Linux 5.13 and newer; <linux/bpf.h> of an older system has no name for it. */
#define ATTACH_SKB_VERDICT 38

enum { sent = 1000 };

static void fail(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(2);
}

static int bpf(int command, union bpf_attr *attr, const char *what)
{
	int result = (int)syscall(SYS_bpf, command, attr, sizeof(*attr));
	if (result < 0)
		fail(what);
	return result;
}

/* A program that lets everything pass: r0 = SK_PASS; exit. */
static int load(unsigned type)
{
	struct bpf_insn pass[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = SK_PASS },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	union bpf_attr attr = { .prog_type = type };
	attr.insns = (unsigned long)pass;
	attr.insn_cnt = sizeof(pass) / sizeof(pass[0]);
	attr.license = (unsigned long)"GPL";
	return bpf(BPF_PROG_LOAD, &attr, "the BPF program");
}

static void attach(int map, int program, unsigned type)
{
	union bpf_attr attr = { .target_fd = (unsigned)map };
	attr.attach_bpf_fd = (unsigned)program;
	attr.attach_type = type;
	bpf(BPF_PROG_ATTACH, &attr, "attaching the BPF program");
}

static void connect_pair(int *reader, int *writer)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(at);
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(listener, (struct sockaddr *)&at, size) < 0 || listen(listener, 1) < 0 ||
	    getsockname(listener, (struct sockaddr *)&at, &size) < 0)
		fail("a listening socket");
	*reader = socket(AF_INET, SOCK_STREAM, 0);
	if (connect(*reader, (struct sockaddr *)&at, size) < 0)
		fail("a connection");
	*writer = accept(listener, NULL, NULL);
	if (*writer < 0)
		fail("the other end of the connection");
	close(listener);
}

int main(int argc, char **argv)
{
	const char *way = argc > 1 ? argv[1] : "none";
	int rounds = argc > 2 ? atoi(argv[2]) : 50;
	int map = -1, right = 0, edges = 0, least = sent, most = 0;
	long received = 0;

	if (strcmp(way, "none") != 0) {
		union bpf_attr attr = { .map_type = BPF_MAP_TYPE_SOCKMAP };
		attr.key_size = attr.value_size = sizeof(int);
		attr.max_entries = 1;
		map = bpf(BPF_MAP_CREATE, &attr, "a sockmap");
		attach(map, load(BPF_PROG_TYPE_SK_MSG), BPF_SK_MSG_VERDICT);
		if (strcmp(way, "verdict") == 0)
			attach(map, load(BPF_PROG_TYPE_SK_SKB), ATTACH_SKB_VERDICT);
	}
	for (int round = 0; round < rounds; round++) {
		int reader, writer, key = 0, waiting = -1, poll = epoll_create1(0);
		char data[sent];
		struct epoll_event event = { .events = EPOLLIN | EPOLLET };

		connect_pair(&reader, &writer);
		if (map >= 0) {
			union bpf_attr attr = { .map_fd = (unsigned)map };
			attr.key = (unsigned long)&key;
			attr.value = (unsigned long)&reader;
			bpf(BPF_MAP_UPDATE_ELEM, &attr, "putting a socket into the sockmap");
		}
		if (poll < 0 || epoll_ctl(poll, EPOLL_CTL_ADD, reader, &event) < 0)
			fail("epoll");
		memset(data, round & 0xff, sizeof(data));
		if (write(writer, data, sizeof(data)) != (ssize_t)sizeof(data))
			fail("sending");
		edges += epoll_wait(poll, &event, 1, 2000) == 1;
		if (ioctl(reader, FIONREAD, &waiting) < 0)
			fail("FIONREAD");
		right += waiting == sent;
		least = waiting < least ? waiting : least;
		most = waiting > most ? waiting : most;
		for (int got, rest = sent; rest > 0; rest -= got) {
			got = (int)recv(reader, data, sizeof(data), MSG_DONTWAIT);
			if (got <= 0)
				break;
			received += got;
		}
		close(reader);
		close(writer);
		close(poll);
	}
	printf("{\"rounds\":%d,\"right\":%d,\"least\":%d,\"most\":%d,\"edges\":%d,\"received\":%ld,\"sent\":%ld}\n",
	       rounds, right, least, most, edges, received, (long)rounds * sent);
	return 0;
}
