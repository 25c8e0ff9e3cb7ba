"""`/tokenward.js`: the module with which a web page signs in, calls APIs and signs out, and its types.

Owns the two files and serving them. Does not own the paths that they call (`api`), nor which pages may load them from
another origin (`cors`): what stands in them is public.
"""
