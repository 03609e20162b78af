// mock OpenAI-compatible upstream. single-threaded epoll. Usage: mock PORT DELAY_US TOKENS TTFT_US
// non-stream: 200 JSON at once.  stream ("stream": true in body): chunked SSE, TOKENS content chunks,
// every chunk carries "@T<19-digit CLOCK_MONOTONIC ns>" as its content so a client on the same host can
// compute upstream-write -> client-read transit per token.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#define MAXFD 70000
#define INB 65536
typedef struct {
  char *in;
  int n;
  int open;
  int streaming;
  int left;
  uint32_t gen;
} C;
static C cs[MAXFD];
typedef struct {
  int fd;
  uint32_t gen;
  uint64_t due;
} Q;
static Q *q;
static size_t qh, qt, qcap = 1 << 18; // fifo ring (sorted by due)
static Q *q2;
static size_t q2h, q2t; // first-token fifo
static int ep;
static uint64_t DELAY, TTFT;
static int TOK;
static uint64_t now() {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000ull + t.tv_nsec;
}
static void cl(int fd) {
  if (!cs[fd].open) return;
  cs[fd].open = 0;
  cs[fd].streaming = 0;
  cs[fd].gen++;
  close(fd);
}
static int wr(int fd, const char *b, int n) {
  int r = send(fd, b, n, MSG_NOSIGNAL);
  if (r != n) {
    cl(fd);
    return -1;
  }
  return 0;
}
static const char *NS_BODY;
static char NS[4096];
static int NSn;
static void emit(int fd) { // one content chunk
  C *c = &cs[fd];
  char p[1024], o[1200];
  int n = 0, m;
  m = snprintf(
      p, sizeof p,
      "data: "
      "{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":\"gpt-4o-mini\","
      "\"choices\":[{\"index\":0,\"delta\":{%s\"content\":\"@T%019llu \"},\"finish_reason\":null}]}\n\n",
      c->left == TOK ? "\"role\":\"assistant\"," : "", (unsigned long long)now());
  n = snprintf(o, sizeof o, "%x\r\n", m);
  memcpy(o + n, p, m);
  n += m;
  o[n++] = '\r';
  o[n++] = '\n';
  c->left--;
  if (wr(fd, o, n)) return;
  if (c->left == 0) {
    const char *e =
        "data: "
        "{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":\"gpt-4o-mini\","
        "\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
    n = snprintf(o, sizeof o, "%x\r\n%s\r\n0\r\n\r\n", (int)strlen(e), e);
    c->streaming = 0;
    wr(fd, o, n);
  }
}
static void handle(int fd) {
  C *c = &cs[fd];
  for (;;) {
    if (!c->open || c->streaming) return;
    c->in[c->n] = 0;
    char *e = strstr(c->in, "\r\n\r\n");
    if (!e) return;
    int hl = e - c->in + 4;
    int cl_ = 0;
    char *h = strcasestr(c->in, "content-length:");
    if (h && h < e) cl_ = atoi(h + 15);
    int chunked = 0;
    h = strcasestr(c->in, "transfer-encoding: chunked");
    if (h && h < e) chunked = 1;
    int tot;
    if (chunked) {
      char *z = strstr(e + 2, "\r\n0\r\n\r\n");
      if (!z) return;
      tot = z + 7 - c->in;
    } else {
      tot = hl + cl_;
      if (c->n < tot) return;
    }
    char sv = c->in[tot];
    c->in[tot] = 0;
    char *s = strstr(c->in + hl, "\"stream\"");
    int st = 0;
    if (s) {
      s += 8;
      while (*s == ' ' || *s == ':') s++;
      st = !strncmp(s, "true", 4);
    }
    c->in[tot] = sv;
    memmove(c->in, c->in + tot, c->n - tot);
    c->n -= tot;
    if (!st) {
      if (wr(fd, NS, NSn)) return;
      continue;
    }
    static const char *H = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: "
                           "no-cache\r\nTransfer-Encoding: chunked\r\n\r\n";
    c->streaming = 1;
    c->left = TOK;
    if (wr(fd, H, strlen(H))) return;
    if (TTFT == 0) {
      emit(fd);
      if (c->streaming) q[qt++ & (qcap - 1)] = (Q){fd, c->gen, now() + DELAY};
    } else q2[q2t++ & (qcap - 1)] = (Q){fd, c->gen, now() + TTFT};
  }
}
int main(int a, char **v) {
  signal(SIGPIPE, SIG_IGN);
  prctl(PR_SET_TIMERSLACK, 1000);
  int port = atoi(v[1]);
  DELAY = strtoull(v[2], 0, 10) * 1000;
  TOK = atoi(v[3]);
  TTFT = a > 4 ? strtoull(v[4], 0, 10) * 1000 : 0;
  char body[2048];
  int bn = snprintf(body, sizeof body,
                    "{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion\",\"created\":1700000000,\"model\":\"gpt-4o-"
                    "mini\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"Hello from the "
                    "mock upstream. This answer is a fixed string of about sixty four tokens so that the gateway has "
                    "to parse and to serialise a body of realistic size; it says nothing of interest, but it is long "
                    "enough for the parser to have some work to do on each and every request that passes through "
                    "here.\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":20,\"completion_tokens\":64,"
                    "\"total_tokens\":84}}");
  NSn = snprintf(NS, sizeof NS, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", bn,
                 body);
  q = calloc(qcap, sizeof(Q));
  q2 = calloc(qcap, sizeof(Q));
  int ls = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;
  setsockopt(ls, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if (bind(ls, (void *)&sa, sizeof sa) || listen(ls, 4096)) {
    perror("bind");
    return 1;
  }
  ep = epoll_create1(0);
  struct epoll_event ev = {.events = EPOLLIN, .data.fd = ls}, es[512];
  epoll_ctl(ep, EPOLL_CTL_ADD, ls, &ev);
  for (;;) {
    uint64_t t = now(), nx = ~0ull;
    if (qh != qt) nx = q[qh & (qcap - 1)].due;
    if (q2h != q2t && q2[q2h & (qcap - 1)].due < nx) nx = q2[q2h & (qcap - 1)].due;
    struct timespec to, *tp = 0;
    if (nx != ~0ull) {
      uint64_t d = nx > t ? nx - t : 0;
      to.tv_sec = d / 1000000000ull;
      to.tv_nsec = d % 1000000000ull;
      tp = &to;
    }
    int n = epoll_pwait2(ep, es, 512, tp, 0);
    for (int i = 0; i < n; i++) {
      int fd = es[i].data.fd;
      if (fd == ls) {
        int f;
        while ((f = accept4(ls, 0, 0, SOCK_NONBLOCK)) >= 0) {
          if (f >= MAXFD) {
            close(f);
            continue;
          }
          setsockopt(f, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
          C *c = &cs[f];
          if (!c->in) c->in = malloc(INB + 1);
          c->n = 0;
          c->open = 1;
          c->streaming = 0;
          ev = (struct epoll_event){.events = EPOLLIN, .data.fd = f};
          epoll_ctl(ep, EPOLL_CTL_ADD, f, &ev);
        }
        continue;
      }
      C *c = &cs[fd];
      int r = recv(fd, c->in + c->n, INB - c->n, 0);
      if (r <= 0) {
        if (r < 0 && errno == EAGAIN) continue;
        cl(fd);
        continue;
      }
      c->n += r;
      handle(fd);
    }
    t = now();
    while (q2h != q2t && q2[q2h & (qcap - 1)].due <= t) {
      Q x = q2[q2h++ & (qcap - 1)];
      C *c = &cs[x.fd];
      if (c->open && c->gen == x.gen && c->streaming) {
        emit(x.fd);
        if (c->streaming) q[qt++ & (qcap - 1)] = (Q){x.fd, c->gen, x.due + DELAY > t ? x.due + DELAY : t + DELAY};
        else if (c->open && c->n) handle(x.fd);
      }
    }
    while (qh != qt && q[qh & (qcap - 1)].due <= t) {
      Q x = q[qh++ & (qcap - 1)];
      C *c = &cs[x.fd];
      if (c->open && c->gen == x.gen && c->streaming) {
        emit(x.fd);
        if (c->streaming) q[qt++ & (qcap - 1)] = (Q){x.fd, c->gen, x.due + DELAY};
        else if (c->open && c->n) handle(x.fd);
      }
    }
  }
}
