#include "openai_engine.h"
int main(void)
{
    return 0;
}
