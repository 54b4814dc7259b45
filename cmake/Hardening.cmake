# What makes a fault in memory harder to use, in every program: addresses that nobody knows beforehand, tables that cannot be
# written once they are bound, checks of buffers, of the stack and of where calls and jumps lead. hardened_programs_test looks for
# each in what was built. Sanitizers have checks of their own in their place.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64)$")
  set(control_flow -fcf-protection=full)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64)$")
  set(control_flow -mbranch-protection=standard)
endif()
add_compile_options(-fPIE -fstack-protector-strong -fstack-clash-protection ${control_flow})
# The checks need an optimiser. Some distributions define a level by themselves.
add_compile_options($<$<NOT:$<CONFIG:Debug>>:-U_FORTIFY_SOURCE> $<$<NOT:$<CONFIG:Debug>>:-D_FORTIFY_SOURCE=2>)
add_link_options(-pie -Wl,-z,relro,-z,now,-z,noexecstack)
