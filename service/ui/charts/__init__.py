"""The interactive charts of the report, as the JSON that plotly.js draws.

The one idea: a chart is plain data, made without importing plotly's Python classes, which cost more
than all the rest; tests hand every chart to those classes, which refuse an unknown attribute.
"""
