# Flags for what we wrote; generated code and system headers are not held to them. Link `authstate_warnings` PRIVATE.
add_library(authstate_warnings INTERFACE)
target_compile_options(authstate_warnings INTERFACE -Wall -Wextra -Werror -Wno-missing-field-initializers)
