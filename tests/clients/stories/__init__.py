"""The stories: each module registers its own with `@story`; `ALL` lists the modules in the order in which they are told."""

ALL = [
    "assistant_loop",
    "quick_example",
    "behind_a_proxy",
    "who_gets_in",
    "what_a_token_may",
    "hosts_and_origins",
    "inspected",
    "prompts",
    "following",
    "one_folder_for_all",
    "command_line",
    "command_line_more",
    "flow_files",
]
