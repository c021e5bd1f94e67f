"""What is shown, as words, rows and figures, without Streamlit: for pages, reports, files."""
