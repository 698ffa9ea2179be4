/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The skeleton of every process: command line, configuration, privileges, signals, status file,
 * loop. It knows nothing of what a process does.
 */
#include "common/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/notify.h"
#include "common/number.h"
#include "common/owner.h"
#include "common/status.h"
#include "common/told.h"

#define SETTLED_US         10000000 /* after its start a process may look for others so long */
#define LOOP_INTERRUPTIONS 100000
#define READINGS           2 /* of the configuration that live: the one at the start, the newest */

static struct {
    const struct daemon *daemon;
    const char *config_file;
    unsigned instance;
    struct config_common common;
    char own_dir[512], user[64];
    struct config *readings[READINGS];
    zloop_t *loop;
    int signal_pipe[2];
    bool draining, finished;
    int exit_code;
    int64_t started_us;
    int64_t begun_us; /* the same by the clock that never steps */
    int64_t told_us;  /* what the status tells was so then or later */
    struct {
        unsigned number; /* how many there were */
        bool refused;    /* the last one, or a part of it */
        struct told told;
    } reload;
} self = {.signal_pipe = {-1, -1}};

/* ---- what processes ask ---- */

const struct config_common *daemon_common(void)
{
    return &self.common;
}

const char *daemon_own_dir(void)
{
    return self.own_dir;
}

bool daemon_draining(void)
{
    return self.draining;
}

static volatile sig_atomic_t terminations; /* asked for by signals */

bool daemon_is_asked_to_end(void)
{
    return terminations > 0;
}

bool daemon_is_finished(void)
{
    return self.finished;
}

/* What is written for the loop: a signal has come; 'f': look whether the process is finished. */
static void wake_loop(char why)
{
    ssize_t ignored = write(self.signal_pipe[1], &why, 1); /* full: it wakes up all the same */
    (void)ignored;
}

void daemon_finished(int exit_code)
{
    self.finished = true;
    self.exit_code = exit_code;
    wake_loop('f');
}

int daemon_signal_fd(void)
{
    return self.signal_pipe[0];
}

int64_t daemon_now_us(void)
{
    return clock_utc_us();
}

int64_t daemon_clock_us(void)
{
    return clock_steady_us();
}

void daemon_note(const char *key, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    status_note(key, false, format, args);
    va_end(args);
}

void daemon_trouble(const char *key, bool is_one, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    status_note(key, is_one, format, args);
    va_end(args);
}

bool daemon_is_settled(void)
{
    return daemon_clock_us() - self.begun_us > SETTLED_US;
}

/* ---- the status file ---- */

static struct status_about about(void)
{
    const char *state = self.finished ? "stopped" : self.draining ? "draining" : "running";
    return (struct status_about){.daemon = self.daemon,
                                 .own_dir = self.own_dir,
                                 .instance = self.instance,
                                 .state = state,
                                 .started_us = self.started_us,
                                 .told_us = self.told_us,
                                 .reloads = self.reload.number,
                                 .refused = self.reload.refused,
                                 .told = &self.reload.told};
}

/* Whoever writes it lives. */
static void write_status(void)
{
    const struct status_about words = about();
    notify_alive();
    status_write(&words);
}

void daemon_tick(void)
{
    self.told_us = daemon_now_us();
    log_flush();
    if (self.daemon->tick != NULL) {
        self.daemon->tick();
    }
    write_status();
}

/* Without tick(): the process may be half made. */
static void write_untold_status(void)
{
    self.told_us = daemon_now_us();
    write_status();
}

/* ---- signals ---- */

static void on_signal(int number)
{
    int saved = errno;
    if (number != SIGHUP && terminations++ > 0) {
        _exit(1);
    }
    wake_loop(number == SIGHUP ? 'h' : 't');
    errno = saved;
}

static int catch_signals(void)
{
    if (pipe2(self.signal_pipe, O_CLOEXEC | O_NONBLOCK) == -1) {
        log_errno("daemon.pipe", "what=signals");
        return -1;
    }
    struct sigaction a = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigemptyset(&a.sa_mask);
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGTERM, &a, NULL);
    sigaction(SIGINT, &a, NULL);
    sigaction(SIGHUP, &a, NULL);
    sigaction(SIGPIPE, &ignore, NULL);
    return 0;
}

static void set_log_level(void)
{
    enum log_level level;
    if (log_level_parse(self.common.log_level, &level) == 0) {
        log_set_level(level);
    }
}

/* NULL after each fault was told. */
static struct config *read_configuration(struct config_common *common, void *settings)
{
    const struct daemon *d = self.daemon;
    const struct config_section section = {d->name, d->options, d->check};
    return config_read(self.config_file, common, &section, settings);
}

/* 0, or -1: some of what was in force stays, or all of it. */
static int take_configuration(void)
{
    const struct daemon *d = self.daemon;
    void *settings = calloc(1, d->settings_size + 1);
    struct config_common common;
    struct config *c = settings == NULL ? NULL : read_configuration(&common, settings);
    if (c == NULL) {
        log_error("config.refused", "file=%s effect=\"the settings in force stay\"",
                  self.config_file);
        free(settings);
        return -1;
    }
    config_reload("common", config_common_options, &self.common, &common);
    config_reload(d->name, d->options, d->settings, settings);
    free(settings);
    /* Options that need a restart still point into the first reading. */
    config_free(&self.readings[1]);
    self.readings[1] = c;
    set_log_level();
    int result = d->reload == NULL ? 0 : d->reload();
    if (result == -1) {
        log_error("config.reload", "effect=\"some of what was in force stays\"");
    }
    log_info("config.reloaded", "file=%s", self.config_file);
    return result;
}

/* What came of it is in the status, for who asked for it. */
static void reload(void)
{
    told_keep(&self.reload.told);
    self.reload.refused = take_configuration() == -1;
    told_keep(NULL);
    self.reload.number++;
    daemon_tick();
}

void daemon_signals(void)
{
    char c;
    while (read(self.signal_pipe[0], &c, 1) == 1) {
        if (c == 'h') {
            reload();
        } else if (c == 't' && !self.draining) {
            self.draining = true;
            log_info("daemon.draining", "signal=SIGTERM");
            notify_stopping();
            if (self.daemon->drain == NULL) {
                daemon_finished(0);
            } else {
                self.daemon->drain();
            }
        }
    }
}

/* ---- the loop ---- */

static int loop_done(void)
{
    return self.finished ? -1 : 0;
}

static int on_signal_fd(zloop_t *loop, zmq_pollitem_t *item, void *context)
{
    (void)loop, (void)item, (void)context;
    daemon_signals();
    return loop_done();
}

static int on_second(zloop_t *loop, int timer, void *context)
{
    (void)loop, (void)timer, (void)context;
    daemon_tick();
    return loop_done();
}

static int run_zloop(void)
{
    zmq_pollitem_t item = {.fd = self.signal_pipe[0], .events = ZMQ_POLLIN};
    if (zloop_poller(self.loop, &item, on_signal_fd, NULL) == -1 ||
        zloop_timer(self.loop, 1000, 0, on_second, NULL) == -1) {
        log_error("daemon.loop", "error=\"out of memory\"");
        return -1;
    }
    /* A signal interrupts the loop (0); a handler ends it (-1), which only a finished process does.
     */
    for (int interrupted = 0; !self.finished; interrupted++) {
        if (interrupted == LOOP_INTERRUPTIONS) {
            log_error("daemon.loop", "error=\"cannot poll\"");
            return -1;
        }
        zloop_start(self.loop);
    }
    return 0;
}

/* ---- starting ---- */

/*
 * Root does this within a folder of the unprivileged user: a link there must not lead elsewhere, so
 * what is looked at and given away is what was opened. The descriptor, or -1.
 */
static int open_folder(int at, const char *name, uid_t uid, gid_t gid)
{
    struct stat s;
    int fd = -1;
    bool made = mkdirat(at, name, 0700) == 0;
    if (made || errno == EEXIST) {
        fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    }
    /* One that was there may be for a group to read, as who made it wanted. */
    if (fd != -1 && geteuid() == 0 && uid != 0 && fchown(fd, uid, made ? gid : (gid_t)-1) == -1) {
        close(fd);
        fd = -1;
    }
    if (fd == -1) {
        log_errno("daemon.folder", "run_dir=%s folder=%s", self.own_dir, name);
        return -1;
    }
    if (fstat(fd, &s) == -1 || (s.st_mode & 027) != 0) {
        log_error("daemon.folder",
                  "run_dir=%s folder=%s expected=\"a folder that only its owner may write, and at "
                  "most its group enter (0700, 0750)\"",
                  self.own_dir, name);
        close(fd);
        return -1;
    }
    return fd;
}

/*
 * Only one process of a kind, or of a kind and instance, may use this folder's sockets: a second
 * one would take them over from the first. The lock goes with the process, however it ends.
 */
static int take_lock(int folder, uid_t uid, gid_t gid)
{
    char name[64], holder[32] = "";
    snprintf(name, sizeof name, "%s-%u.lock", self.daemon->name,
             self.daemon->several ? self.instance : 0);
    int fd = openat(folder, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd == -1 || (geteuid() == 0 && fchown(fd, uid, gid) == -1)) {
        log_errno("daemon.lock", "run_dir=%s file=%s", self.own_dir, name);
        return -1;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) == -1) {
        ssize_t n = pread(fd, holder, sizeof holder - 1, 0);
        holder[n > 0 ? strcspn(holder, "\n") : 0] = '\0';
        log_error("daemon.lock",
                  "run_dir=%s file=%s holder=%s error=\"another %s of this run_dir is running\"",
                  self.own_dir, name, holder, self.daemon->name);
        return -1;
    }
    if (ftruncate(fd, 0) == -1 || dprintf(fd, "%ld\n", (long)getpid()) < 0) {
        log_errno("daemon.lock", "run_dir=%s file=%s", self.own_dir, name);
    }
    return 0; /* held until the process ends */
}

/* run_dir, or this process's part of it. */
static int make_own_dir(uid_t uid, gid_t gid)
{
    int run = open_folder(AT_FDCWD, self.own_dir, uid, gid);
    if (run == -1) {
        return -1;
    }
    int status = open_folder(run, "status", uid, gid);
    int rc = status == -1 ? -1 : take_lock(run, uid, gid);
    if (status != -1) {
        close(status);
    }
    close(run);
    return rc;
}

/* Whom to become: 0 and the ids, which are our own when nothing is to be dropped. */
static int find_user(uid_t *uid, gid_t *gid)
{
    *uid = geteuid();
    *gid = getegid();
    if (*uid != 0) {
        return 0;
    }
    if (self.user[0] == '\0') {
        log_warn("daemon.root", "advice=\"common.user names nobody: this process stays root\"");
        return 0;
    }
    struct passwd *p = getpwnam(self.user);
    if (p == NULL) {
        log_error("daemon.user", "common.user=%s error=\"no such user\"", self.user);
        return -1;
    }
    *uid = p->pw_uid;
    *gid = p->pw_gid;
    return 0;
}

static int drop_privileges(uid_t uid, gid_t gid)
{
    if (geteuid() != 0 || uid == 0) {
        return 0;
    }
    if (initgroups(self.user, gid) == -1 || setgid(gid) == -1 || setuid(uid) == -1) {
        log_errno("daemon.privileges", "user=%s", self.user);
        return -1;
    }
    if (setuid(0) == 0) {
        log_error("daemon.privileges", "error=\"root could be taken back\"");
        return -1;
    }
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    return 0;
}

/* Which user and which folder are this process's. */
static int find_own(void)
{
    if (owner_name(self.common.user, self.daemon->name, self.user, sizeof self.user) == -1 ||
        owner_folder(self.common.run_dir, self.common.user, self.daemon->name, self.own_dir,
                     sizeof self.own_dir) == -1) {
        log_error("daemon.own", "common.user=%s common.run_dir=%s error=\"too long\"",
                  self.common.user, self.common.run_dir);
        return -1;
    }
    return 0;
}

/* Memory holds keys, passwords and what was measured: none of it goes to a disk by a crash. */
static int forbid_core_dumps(void)
{
    struct rlimit none = {0, 0};
    if (setrlimit(RLIMIT_CORE, &none) == -1) {
        log_errno("daemon.core", "what=RLIMIT_CORE");
        return -1;
    }
    return 0;
}

static int start(void)
{
    const struct daemon *d = self.daemon;
    uid_t uid;
    gid_t gid;
    umask(077);
    zsys_handler_set(NULL); /* signals are ours, not CZMQ's */
    if (find_own() == -1 || forbid_core_dumps() == -1 || catch_signals() == -1 ||
        find_user(&uid, &gid) == -1 || make_own_dir(uid, gid) == -1 ||
        (d->prepare != NULL && d->prepare() == -1) || drop_privileges(uid, gid) == -1) {
        return -1;
    }
    self.started_us = daemon_now_us();
    self.begun_us = daemon_clock_us();
    const struct status_about words = about();
    status_write_counters(&words);
    if (d->run == NULL) {
        self.loop = zloop_new();
        if (self.loop == NULL) {
            log_error("daemon.loop", "error=\"out of memory\"");
            return -1;
        }
    }
    if (d->start != NULL && d->start(self.loop) == -1) {
        return -1;
    }
    log_info("daemon.started", "version=%s pid=%ld", EZREPO_VERSION, (long)getpid());
    if (d->run == NULL) {
        daemon_tick();
    } else {
        write_untold_status(); /* what it tells is made in run() */
    }
    notify_ready();
    return 0;
}

static int serve(void)
{
    const struct daemon *d = self.daemon;
    int rc = start();
    if (rc == 0) {
        rc = d->run != NULL ? d->run() : run_zloop();
    }
    if (rc == -1) {
        daemon_finished(1);
    }
    if (rc == 0) {
        daemon_tick();
    } else if (self.started_us != 0) {
        write_untold_status();
    }
    if (d->stop != NULL) {
        d->stop();
    }
    if (self.loop != NULL) {
        zloop_destroy(&self.loop);
    }
    log_info("daemon.stopped", "exit=%d", self.exit_code);
    log_flush();
    return self.exit_code;
}

/* ---- the command line ---- */

static void print_help(FILE *f)
{
    const struct daemon *d = self.daemon;
    fprintf(f,
            "%s: %s\n\nUsage: %s --config FILE [--instance N] [--check-config]\n\n"
            "  --config FILE    the configuration (JSON with comments)\n"
            "  --instance N     which of several of its kind this is (0)\n"
            "  --check-config   check the configuration, say what is wrong, exit\n"
            "  --options        list the options of the configuration, exit\n"
            "  --counters       list what is counted, a JSON object a line, exit\n"
            "  --version        print the version, exit\n"
            "  --help           print this, exit\n\n"
            "SIGTERM drains and exits; a second one exits at once. SIGHUP reads the\n"
            "configuration again.\n",
            d->name, d->summary, d->name);
}

static void print_options(const char *section, const struct config_option *options)
{
    static const char *const types[] = {"string",  "integer", "boolean",
                                        "strings", "object",  "list"};
    for (const struct config_option *o = options; o->name != NULL; o++) {
        printf("%s.%s\t%s\t%s\t%s\t%s\n", section, o->name, types[o->type],
               o->preset == NULL
                   ? (o->type == CONFIG_OBJECT || o->type == CONFIG_LIST ? "" : "required")
                   : o->preset,
               o->reloadable ? "reloadable" : "restart", o->help);
    }
}

static int usage(const char *what)
{
    fprintf(stderr, "%s: %s\n", self.daemon->name, what);
    fprintf(stderr, "Try '%s --help'.\n", self.daemon->name);
    return 2;
}

static int parse_instance(const char *text)
{
    int64_t n;
    if (number_integer(slice_of(text), 0, 9999, &n) == -1) {
        return -1;
    }
    self.instance = (unsigned)n;
    return 0;
}

/* -1: go on; else the exit code. */
static int parse_command_line(int argc, char **argv, bool *check_only)
{
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'}, {"instance", required_argument, NULL, 'i'},
        {"check-config", no_argument, NULL, 'k'}, {"options", no_argument, NULL, 'o'},
        {"counters", no_argument, NULL, 'n'},     {"version", no_argument, NULL, 'v'},
        {"help", no_argument, NULL, 'h'},         {NULL, 0, NULL, 0}};
    int c;
    while ((c = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
        switch (c) {
        case 'c':
            self.config_file = optarg;
            break;
        case 'i':
            if (parse_instance(optarg) == -1) {
                return usage("--instance: expected a number 0..9999");
            }
            break;
        case 'k':
            *check_only = true;
            break;
        case 'o':
            print_options("common", config_common_options);
            print_options(self.daemon->name, self.daemon->options);
            return 0;
        case 'n':
            status_print_counters(stdout, self.daemon);
            return 0;
        case 'v':
            printf("%s %s\n", self.daemon->name, EZREPO_VERSION);
            return 0;
        case 'h':
            print_help(stdout);
            return 0;
        default:
            return usage("wrong option");
        }
    }
    if (optind != argc) {
        return usage("unexpected argument");
    }
    return self.config_file == NULL ? usage("--config FILE is missing") : -1;
}

/* What is opened later must not become standard output or error, which are written to. */
static void open_standard_descriptors(void)
{
    int fd;
    do {
        fd = open("/dev/null", O_RDWR);
    } while (fd != -1 && fd <= STDERR_FILENO);
    if (fd != -1) {
        close(fd);
    }
}

int daemon_main(const struct daemon *d, int argc, char **argv)
{
    self.daemon = d;
    open_standard_descriptors();
    bool check_only = false;
    int rc = parse_command_line(argc, argv, &check_only);
    if (rc != -1) {
        return rc;
    }
    log_start(d->name, self.instance);
    self.readings[0] = read_configuration(&self.common, d->settings);
    if (self.readings[0] == NULL) {
        rc = 1;
    } else if (check_only) {
        printf("%s: %s is good\n", d->name, self.config_file);
        rc = 0;
    } else {
        set_log_level();
        notify_start();
        rc = serve();
    }
    for (int i = 0; i < READINGS; i++) {
        config_free(&self.readings[i]);
    }
    return rc;
}
