from .workspaces import small_demo as small_demo
