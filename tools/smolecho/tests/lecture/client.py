import socket
import sys

# Define the server address (host and port)
server_host = sys.argv[1]
server_port = 12345

# Create a socket object
client_socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)

# Connect to the server
client_socket.connect((server_host, server_port))
print(f"Connected to server on {server_host}:{server_port}")

# Send a message to the server
message = "Hello, Server!"
client_socket.sendall(message.encode())

# Receive the echoed message from the server
data = client_socket.recv(1024)
print(f"Received from server: {data.decode()}")

# Close the connection with the server
client_socket.close()
