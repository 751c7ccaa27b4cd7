// emulator_switch_stack(void **saved, void *next): pushes the registers that a function must preserve, stores the stack
// pointer into *saved, and goes on where `next` was stored. The control words of the floating-point units stay: all
// fibers of a thread share them.
  .text
  .hidden emulator_switch_stack
  .globl emulator_switch_stack
  .type emulator_switch_stack, @function
emulator_switch_stack:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
  .size emulator_switch_stack, . - emulator_switch_stack

  .section .note.GNU-stack, "", @progbits
