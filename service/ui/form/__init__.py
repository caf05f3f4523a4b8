"""The form of a new study: what can be said in it, and what it comes to.

The one idea: every control names, as a JSON pointer, the place in the request that it fills, so the
form is a view of the request, and whatever refuses a value by its pointer has refused a control.
Not here: what is allowed (core and schemas refuse it), the page (`service.pages.new_study`).
"""
