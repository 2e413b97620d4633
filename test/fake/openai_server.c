/*
 * fake-openai: a language model to try the program and its page with, without one: a server of
 * /v1/chat/completions that says what it is told to.
 *
 *     fake-openai [--port N] [--say TEXT] [--reasoning TEXT] [--delay-ms D] [--piece-ms D] [--piece N] [--key
 * KEY]
 *
 * Without --say it repeats the question. Prints its address, runs until it is terminated.
 */
#include "fake/fake_openai.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static const struct fake_openai_reply *choose(void *reply, size_t i, const char *body)
{
    (void)i, (void)body;
    return reply;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"port", required_argument, NULL, 'p'},      {"say", required_argument, NULL, 's'},
        {"reasoning", required_argument, NULL, 'r'}, {"delay-ms", required_argument, NULL, 'd'},
        {"piece-ms", required_argument, NULL, 'm'},  {"piece", required_argument, NULL, 'n'},
        {"key", required_argument, NULL, 'k'},       {NULL, 0, NULL, 0}};
    struct fake_openai_reply reply = {.usage = true, .piece_ms = 20};
    struct fake_openai_config config = {.choose = choose, .arg = &reply};
    sigset_t end;
    int c, signal;

    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (c) {
        case 'p':
            config.port = atoi(optarg);
            break;
        case 's':
            reply.text = optarg;
            break;
        case 'r':
            reply.reasoning = optarg;
            break;
        case 'd':
            reply.delay_ms = atoi(optarg);
            break;
        case 'm':
            reply.piece_ms = atoi(optarg);
            break;
        case 'n':
            reply.piece = (size_t)atoi(optarg);
            break;
        case 'k':
            config.key = optarg;
            break;
        default:
            return 2;
        }
    }
    sigemptyset(&end);
    sigaddset(&end, SIGINT);
    sigaddset(&end, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &end, NULL);
    struct fake_openai *server = fake_openai_start(&config);
    if (!server) {
        fprintf(stderr, "fake-openai: port %d is in use\n", config.port);
        return 1;
    }
    printf("%s\n", fake_openai_url(server));
    fflush(stdout);
    sigwait(&end, &signal);
    fake_openai_stop(server);
    return 0;
}
