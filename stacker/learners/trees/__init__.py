"""LightGBM and XGBoost on pair features: bags, early stopping, focal loss, SMOTE, saved trees."""
