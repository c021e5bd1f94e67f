"""The view kit: the only part of the package that knows Streamlit."""
