/*
 * `avatar-chat serve`: configuration, hub, server; SIGTERM and SIGINT end it cleanly, a second one at once.
 * SIGHUP reads configuration, tokens and certificate again, except at a terminal, where it means that the
 * terminal is gone.
 *
 * While it begins to serve, a sentence is spoken to nobody: engines load, the avatar is drawn and caches
 * fill, so that the first visitor's first answer is as quick as the later ones.
 */
#include "cli/cli.h"
#include "cli/notify.h"
#include "cli/reload.h"
#include "cli/talk.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/session.h"
#include "server/server.h"

#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { GRACE_MS = 5000, REASON_SIZE = 256 };

/* What a signal handler can reach. */
static _Atomic(struct ac_server *) running;
static _Atomic(struct ac_reload *) reloading;

static void stop_running(void)
{
    struct ac_server *server = atomic_load(&running);

    ac_notify("STOPPING=1");
    if (server)
        ac_server_stop(server);
}

static void on_hangup(int sig)
{
    struct ac_server *server = atomic_load(&running);

    (void)sig;
    if (!server)
        return;
    ac_notify("RELOADING=1");
    ac_reload_ask(atomic_load(&reloading));
    ac_server_reload(server);
    ac_notify("READY=1"); /* what is wrong in the files is logged, and the old ones stay */
}

static void reload_on_hangup(void)
{
    struct sigaction sa = {.sa_handler = on_hangup, .sa_flags = SA_RESTART};

    if (isatty(STDIN_FILENO) || isatty(STDERR_FILENO))
        return;
    sigemptyset(&sa.sa_mask);
    sigaction(SIGHUP, &sa, NULL);
}

static int64_t loop_alive_us(void *arg)
{
    return ac_server_alive_us(arg);
}

/* ---- warming up ---- */

struct warm_up {
    struct ac_hub *hub;
    atomic_bool stop;
    pthread_t thread;
    bool running;
};

static int discard(void *arg, const char *data, size_t n)
{
    struct warm_up *w = arg;

    (void)data, (void)n;
    return atomic_load(&w->stop) ? AC_ECANCELED : 0;
}

static void *warm_up_main(void *arg)
{
    static const char text[] = "Hello.";
    struct warm_up *w = arg;
    const struct ac_config *cfg = ac_hub_config(w->hub);
    const struct ac_video_config *v = ac_config_video(cfg);
    struct ac_speaker_config scfg = {.delivery = AC_DELIVERY_STREAM,
                                     .prefs = {.width = v->width, .height = v->height, .fps = v->fps}};
    struct ac_talk_result r;
    int64_t start_us = ac_now_us();

    int err =
        ac_talk(cfg, ac_hub_models(w->hub), ac_hub_pool(w->hub), &scfg, text, strlen(text), discard, w, &r);
    malloc_trim(0); /* gives back what drawing the avatar took for a while */
    if ((err || r.errors) && !atomic_load(&w->stop))
        ac_log_warn("server", "cannot_speak", AC_S("reason", r.reason[0] ? r.reason : ac_err_text(err)),
                    AC_S("remedy", "avatar-chat doctor shows what is missing"));
    else
        ac_log_debug("server", "warm", AC_I("took_us", ac_now_us() - start_us),
                     AC_I("rss_bytes", ac_rss_bytes()));
    return NULL;
}

static void warm_up_start(struct warm_up *w, struct ac_hub *hub)
{
    w->hub = hub;
    w->running =
        pthread_create(&w->thread, NULL, warm_up_main, w) == 0; /* without it all works, only later */
}

static void warm_up_stop(struct warm_up *w)
{
    atomic_store(&w->stop, true);
    if (w->running)
        pthread_join(w->thread, NULL);
}

/* ---- serving ---- */

static int start_failed(const struct ac_config *cfg, int err, const char *reason)
{
    if (err == AC_EADDRINUSE && !strstr(reason, "--port"))
        return ac_cli_fail("serve", "%s (port %d; --port N takes another)", reason,
                           ac_config_server(cfg)->port);
    return ac_cli_fail("serve", "%s", reason[0] ? reason : ac_err_text(err));
}

static int serve(const struct ac_config *cfg)
{
    struct ac_hub *hub = NULL;
    struct ac_server *server = NULL;
    struct ac_watchdog *watchdog = NULL;
    struct ac_reload *reload = NULL;
    struct warm_up warm = {0};
    char reason[REASON_SIZE] = "";
    int status = AC_EXIT_FAILED;

    int err = ac_hub_new(&hub, cfg);
    if (err)
        return ac_cli_fail("serve", "cannot start: %s", ac_err_text(err));
    err = ac_server_start(&server, hub, NULL, reason);
    if (err) {
        status = start_failed(cfg, err, reason);
        goto out;
    }
    atomic_store(&running, server);
    ac_cli_on_signal(stop_running);
    reload_on_hangup();
    reload = ac_reload_start(hub);
    atomic_store(&reloading, reload);
    watchdog = ac_watchdog_start(loop_alive_us, server);
    ac_notify("READY=1");
    if (isatty(STDOUT_FILENO)) /* the log has it too, but not for eyes */
        printf("\n  Open http://localhost:%d in a browser. Ctrl-C ends the server.\n\n",
               ac_server_port(server));
    fflush(stdout);
    warm_up_start(&warm, hub);
    err = ac_server_run(server);
    atomic_store(&running, NULL);
    atomic_store(&reloading, NULL);
    ac_reload_stop(reload);
    ac_watchdog_stop(watchdog);
    warm_up_stop(&warm);
    if (err)
        ac_cli_fail("serve", "the server ended: %s", ac_err_text(err));
    else
        status = AC_EXIT_OK;
    if (!ac_server_free(server))
        _exit(status); /* an engine that makes an avatar still uses what would be freed now */
out:
    if (!ac_hub_free(hub, GRACE_MS))
        _exit(status); /* an engine still uses what would be freed now */
    if (status == AC_EXIT_OK)
        ac_log_info("server", "stopped");
    return status;
}

/* --host and --port are short for --set. */
static char *as_set(struct ac_cli_list *sets, const char *key, const char *value)
{
    char *set = value ? ac_asprintf("%s=%s", key, value) : NULL;

    if (set)
        ac_cli_list_add(sets, set);
    return set;
}

int ac_cli_serve(int argc, char **argv)
{
    const char *file = NULL, *host = NULL, *port = NULL;
    bool print = false, check = false;
    struct ac_cli_list sets = {0}, words = {0};
    struct ac_config *cfg = NULL;
    const struct ac_cli_option options[] = {
        AC_CLI_OPTION_FILE(&file),
        {0, "host", "ADDRESS", "Address to listen on (server.host).", NULL, &host, NULL},
        {'p', "port", "PORT", "Port to listen on (server.port); 0 takes a free one.", NULL, &port, NULL},
        AC_CLI_OPTION_SET(&sets),
        {0, "print-config", NULL, "Print every option, its value and where it comes from, and end.", &print,
         NULL, NULL},
        {0, "check", NULL, "Only check the configuration, and end.", &check, NULL, NULL},
    };
    const struct ac_cli_spec spec = {
        .command = "serve",
        .usage = "[-c FILE] [--host ADDRESS] [--port PORT] [--set KEY=VALUE]…",
        .help = "Serves the chat page, its WebSocket and the REST interface on one port (8000).",
        .notes = "Ctrl-C ends it. 'avatar-chat config reference' describes every option.",
        .options = options,
        .n_options = sizeof options / sizeof *options,
    };
    char *set_host = NULL, *set_port = NULL;

    int status = ac_cli_parse(&spec, argc, argv, &words);
    if (status != AC_CLI_GO)
        goto out;
    set_host = as_set(&sets, "server.host", host);
    set_port = as_set(&sets, "server.port", port);
    status = ac_cli_load("serve", &cfg, file, &sets, false);
    if (status != AC_CLI_GO)
        goto out;
    if (print) {
        struct ac_str text = {0};
        ac_config_print(cfg, &text);
        status = ac_cli_print("serve", &text);
        ac_str_free(&text);
    } else if (check) {
        puts("the configuration is good");
        status = AC_EXIT_OK;
    } else {
        status = serve(cfg);
    }
out:
    ac_config_free(cfg);
    ac_cli_list_free(&sets);
    ac_cli_list_free(&words);
    free(set_host);
    free(set_port);
    return status;
}
