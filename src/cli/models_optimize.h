/* `avatar-chat models optimize`: makes a model quicker on this machine, once. One thread. */
#ifndef AC_CLI_MODELS_OPTIMIZE_H
#define AC_CLI_MODELS_OPTIMIZE_H

/* argv[0] is "optimize"; gives the exit status. */
int ac_cli_models_optimize(int argc, char **argv);

#endif
