// SSE load client. Usage: sse HOST_PORT PATH AUTH CONC SECONDS RAMP_MS [pid,pid,...] [EXTRA_HEADER]
// CONC connections, keep-alive, each runs one stream after another until SECONDS have passed, then lets open streams
// finish (<=15 s). Reports TTFT (request write -> first "@T" token read), transit (upstream write -> client read) per
// token, inter-token gap, coalescing, tokens/s, errors, and for the pids given: RSS before/at mid-run/after, CPU-s
// used.
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
static uint64_t now() {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000ull + t.tv_nsec;
}
typedef struct {
  double *a;
  size_t n, cap;
} V;
static void push(V *v, double x) {
  if (v->n == v->cap) {
    v->cap = v->cap ? v->cap * 2 : 65536;
    v->a = realloc(v->a, v->cap * 8);
  }
  v->a[v->n++] = x;
}
static int cmp(const void *a, const void *b) {
  double x = *(double *)a, y = *(double *)b;
  return x < y ? -1 : x > y;
}
static void rep(const char *n, V *v) {
  if (!v->n) {
    printf("%-9s none\n", n);
    return;
  }
  qsort(v->a, v->n, 8, cmp);
  double s = 0;
  for (size_t i = 0; i < v->n; i++) s += v->a[i];
#define P(p) v->a[(size_t)((v->n - 1) * p)] / 1e6
  printf("%-9s n=%zu mean=%.3f p50=%.3f p90=%.3f p99=%.3f p99.9=%.3f max=%.3f ms\n", n, v->n, s / v->n / 1e6, P(.5),
         P(.9), P(.99), P(.999), v->a[v->n - 1] / 1e6);
}
typedef struct {
  int fd;
  int st;
  uint64_t t0, last;
  int first;
  char tail[8192];
  int tn;
  int toks;
  int conn;
} S;
static V ttft, tr, gap, dur;
static long streams, errs, coal, toks, reads, bytes;
static int pids[64], np;
static long tick;
static double cpu(int p) {
  char f[64], b[2048];
  snprintf(f, 64, "/proc/%d/stat", p);
  FILE *h = fopen(f, "r");
  if (!h) return 0;
  int n = fread(b, 1, 2047, h);
  fclose(h);
  b[n] = 0;
  char *e = strrchr(b, ')');
  unsigned long u, s;
  sscanf(e + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &u, &s);
  return (u + s) / (double)tick;
}
static long rss(int p, const char *k) {
  char f[64], l[256];
  snprintf(f, 64, "/proc/%d/status", p);
  FILE *h = fopen(f, "r");
  if (!h) return 0;
  long r = 0;
  while (fgets(l, 256, h))
    if (!strncmp(l, k, strlen(k))) r = atol(l + strlen(k) + 1);
  fclose(h);
  return r;
}
static double cpuall() {
  double s = 0;
  for (int i = 0; i < np; i++) s += cpu(pids[i]);
  return s;
}
static long rssall(const char *k) {
  long s = 0;
  for (int i = 0; i < np; i++) s += rss(pids[i], k);
  return s;
}
static struct sockaddr_in sa;
static int ep;
static char req[4096];
static int rn;
static void start(S *s, int i) {
  if (!s->conn) {
    s->fd = socket(AF_INET, SOCK_STREAM, 0);
    int one = 1;
    setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    s->t0 = now();
    if (connect(s->fd, (void *)&sa, sizeof sa)) {
      errs++;
      close(s->fd);
      s->st = 0;
      return;
    }
    struct epoll_event ev = {.events = EPOLLIN, .data.u32 = i};
    epoll_ctl(ep, EPOLL_CTL_ADD, s->fd, &ev);
    s->conn = 1;
  } else s->t0 = now();
  s->first = 1;
  s->tn = 0;
  s->toks = 0;
  s->st = 1;
  if (send(s->fd, req, rn, MSG_NOSIGNAL) != rn) {
    errs++;
    close(s->fd);
    s->conn = 0;
    s->st = 0;
  }
}
int main(int a, char **v) {
  signal(SIGPIPE, SIG_IGN);
  tick = sysconf(_SC_CLK_TCK);
  int port = atoi(v[1]);
  const char *path = v[2], *auth = v[3];
  int C = atoi(v[4]);
  double secs = atof(v[5]);
  double ramp = atof(v[6]) * 1e6;
  if (a > 7) {
    char *t = strtok(v[7], ",");
    while (t) {
      pids[np++] = atoi(t);
      t = strtok(0, ",");
    }
  }
  const char *body = "{\"model\":\"mock\",\"messages\":[{\"role\":\"system\",\"content\":\"You are a helpful "
                     "assistant.\"},{\"role\":\"user\",\"content\":\"Tell me something long about the sea, "
                     "please.\"}],\"max_tokens\":64,\"stream\":true}";
  rn = snprintf(req, sizeof req,
                "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer %s\r\nContent-Type: "
                "application/json\r\nAccept: text/event-stream\r\nContent-Length: %zu\r\n\r\n%s",
                path, auth, strlen(body), body);
  sa = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  ep = epoll_create1(0);
  S *ss = calloc(C, sizeof(S));
  double c0 = cpuall();
  long r0 = rssall("VmRSS:"), rmid = 0, rpeak = 0;
  struct timespec me0;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &me0);
  uint64_t T = now(), end = T + (uint64_t)(secs * 1e9), hard = end + 15000000000ull, lastr = 0;
  int started = 0, active = 0, maxact = 0;
  struct epoll_event es[512];
  static char b[65536];
  for (;;) {
    uint64_t t = now();
    while (started < C && t >= T + (uint64_t)(ramp * started / C) && t < end) {
      start(&ss[started], started);
      if (ss[started].st) {
        active++;
      }
      started++;
      if (active > maxact) maxact = active;
      t = now();
    }
    if (t >= end && active <= 0) break;
    if (t >= hard) {
      errs += active;
      break;
    }
    if (np && t - lastr > 200000000ull) {
      lastr = t;
      long r = rssall("VmRSS:");
      if (r > rpeak) rpeak = r;
      if (!rmid && t > T + (uint64_t)(secs * 0.5e9)) rmid = r;
    }
    int n = epoll_wait(ep, es, 512, started < C ? 1 : 50);
    for (int i = 0; i < n; i++) {
      int k = es[i].data.u32;
      S *s = &ss[k];
      int r = recv(s->fd, b, sizeof b, 0);
      uint64_t tn = now();
      if (r <= 0) {
        if (s->st) {
          errs++;
          active--;
        }
        close(s->fd);
        s->conn = 0;
        s->st = 0;
        if (tn < end) {
          start(s, k);
          if (s->st) active++;
        }
        continue;
      }
      reads++;
      bytes += r; // scan: tail + b
      static char w[8192 + 65536 + 1];
      memcpy(w, s->tail, s->tn);
      memcpy(w + s->tn, b, r);
      int L = s->tn + r;
      w[L] = 0;
      char *p = w, *e = w + L, *lastp = w;
      int inread = 0, done = 0;
      while ((p = memchr(p, '@', e - p))) {
        if (e - p < 21) break;
        if (p[1] != 'T') {
          p++;
          continue;
        }
        uint64_t ts = strtoull(p + 2, 0, 10);
        p += 21;
        lastp = p;
        push(&tr, (double)(tn - ts));
        if (s->first) {
          push(&ttft, (double)(tn - s->t0));
          s->first = 0;
        } else push(&gap, (double)(tn - s->last));
        s->last = tn;
        if (inread++) coal++;
        toks++;
        s->toks++;
      }
      char *d = memmem(lastp, e - lastp, "[DONE]", 6);
      if (d && memmem(d, e - d, "\r\n0\r\n\r\n", 7)) done = 1;
      if (s->toks == 0 && !strncmp(w, "HTTP/1.1 ", 9) && w[9] != '2') {
        static int shown;
        if (!shown++) {
          fprintf(stderr, "%.300s\n", w);
        }
        errs++;
        active--;
        epoll_ctl(ep, EPOLL_CTL_DEL, s->fd, 0);
        close(s->fd);
        s->conn = 0;
        s->st = 0;
        usleep(2000);
        if (tn < end) {
          start(s, k);
          if (s->st) active++;
        }
        continue;
      }
      int keep = e - lastp;
      char *kp = lastp;
      if (keep > 600) {
        kp = e - 600;
        keep = 600;
      }
      memmove(s->tail, kp, keep);
      s->tn = keep;
      if (done) {
        streams++;
        push(&dur, (double)(tn - s->t0));
        s->st = 0;
        active--;
        if (tn < end) {
          start(s, k);
          if (s->st) active++;
        }
      }
    }
  }
  double el = (now() - T) / 1e9;
  struct timespec me;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &me);
  printf("conc=%d maxactive=%d wall=%.1fs streams=%ld tokens=%ld tok/s=%.0f errs=%ld reads=%ld coalesced=%.2f%% "
         "bytes/tok=%.0f client_cpu=%.2fs\n",
         C, maxact, el, streams, toks, toks / el, errs, reads, toks ? 100.0 * coal / toks : 0,
         toks ? (double)bytes / toks : 0, (me.tv_sec - me0.tv_sec) + (me.tv_nsec - me0.tv_nsec) / 1e9);
  rep("TTFT", &ttft);
  rep("transit", &tr);
  rep("gap", &gap);
  rep("stream", &dur);
  if (np) {
    double c = cpuall() - c0;
    printf("gateway: cpu=%.2fs (%.0f%% of a core) cpu/token=%.1fus RSS before=%ldKB mid=%ldKB peak=%ldKB after=%ldKB  "
           "per-open-stream(peak)=%.1fKB\n",
           c, 100 * c / el, toks ? c * 1e6 / toks : 0, r0, rmid, rpeak, rssall("VmRSS:"), (rpeak - r0) / (double)C);
  }
  return 0;
}
