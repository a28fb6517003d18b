"""What `wtman demo` plays with: a small project, a plan for it, an agent and a reviewer.

Data, copied into a folder of its own before it is used. The two programs need nothing but
Python: the standard library, no model, no account, no network.
"""
